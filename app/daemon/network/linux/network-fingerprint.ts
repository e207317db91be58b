/** What the way to a gateway depends on, as one text: the same text means the same network, however much was announced. */
import type { HostNames } from '../../../contract/host-plan.ts';
import type { LinuxHost } from './host.ts';

interface AddressJson {
  ifname?: string;
  flags?: string[];
  addr_info?: { local?: string; prefixlen?: number }[];
}

interface RouteJson {
  dst?: string;
  gateway?: string;
  dev?: string;
  metric?: number;
}

export async function networkFingerprint(host: LinuxHost, names: HostNames): Promise<string> {
  const [addresses, v4, v6] = await Promise.all([
    ask<AddressJson>(host, ['address', 'show']),
    ask<RouteJson>(host, ['-4', 'route', 'show', 'table', 'main']),
    ask<RouteJson>(host, ['-6', 'route', 'show', 'table', 'main']),
  ]);
  return [
    ...addresses.filter(({ ifname }) => ifname !== names.device).map(describeLink),
    // Life times of addresses and routes count down; they are left out.
    ...[...v4, ...v6].filter(({ dev }) => dev !== names.device).map(describeRoute),
  ].join('\n');
}

function describeLink({ ifname, flags, addr_info }: AddressJson): string {
  const addresses = (addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  return [ifname, flags?.includes('LOWER_UP') ? 'up' : 'down', ...addresses].join(' ');
}

function describeRoute({ dst, gateway, dev, metric }: RouteJson): string {
  return [dst, gateway, dev, metric].join(' ');
}

async function ask<T>(host: LinuxHost, argv: string[]): Promise<T[]> {
  const { status, stdout } = await host.run('ip', ['-j', ...argv]);
  return status === 0 ? JSON.parse(stdout || '[]') : [];
}
