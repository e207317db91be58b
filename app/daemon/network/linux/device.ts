/** The tunnel's network device: its size, its addresses, and the prefixes of all the others. */
import { bitsOf, cidr, printCidr } from '../../../../gateway/contract/net/prefix.ts';
import type { ConnectedPrefix, HostNames, HostPlan } from '../../../contract/host-plan.ts';
import { Fault } from '../../../contract/problem.ts';
import type { LinuxHost } from './host.ts';
import { firstLine } from './routes.ts';

interface LinkJson {
  ifname: string;
  flags: string[];
  mtu: number;
  addr_info: { family: string; local?: string; prefixlen: number }[];
}

/** For `ip -batch -`. Duplicate address detection has nobody to ask on a tunnel and delays IPv6 by a second. */
export function renderDevice({ names, connection }: HostPlan): string {
  return [
    `link set dev ${names.device} mtu ${connection.mtu} up`,
    ...connection.addresses.map(
      (text) => `address replace ${text} dev ${names.device}${text.includes(':') ? ' nodad' : ''}`,
    ),
    '',
  ].join('\n');
}

export async function applyDevice(host: LinuxHost, plan: HostPlan): Promise<void> {
  const possible = host.hasIpv6() ? plan : withoutIpv6(plan);
  const { device } = plan.names;
  const [link] = (await readLinks(host)).filter(({ ifname }) => ifname === device);
  if (!link) throw new Fault('network-refused', { reason: `there is no device ${device}` });
  const wanted = possible.connection.addresses;
  const stale = addressesOf(link).filter((text) => !wanted.includes(text));
  await batch(host, stale.map((text) => `address del ${text} dev ${device}\n`).join(''));
  if (isAsWanted(link, possible)) return;
  if (wanted.some((text) => text.includes(':'))) await allowIpv6(host, device);
  await batch(host, renderDevice(possible));
}

function withoutIpv6(plan: HostPlan): HostPlan {
  const addresses = plan.connection.addresses.filter((text) => !text.includes(':'));
  return { ...plan, connection: { ...plan.connection, addresses } };
}

/** Where IPv6 is switched off for new devices; ours takes the setting along when it goes. */
async function allowIpv6(host: LinuxHost, device: string): Promise<void> {
  const key = `net/ipv6/conf/${device}/disable_ipv6`;
  if ((await host.readSetting(key)) === '1') await host.writeSetting(key, '0');
}

function isAsWanted(link: LinkJson, { connection }: HostPlan): boolean {
  const have = addressesOf(link);
  return (
    link.flags.includes('UP') &&
    link.mtu === connection.mtu &&
    connection.addresses.every((text) => have.includes(text))
  );
}

/** Answers those that were there. A device that is gone took its addresses along. */
export async function removeAddresses(
  host: LinuxHost,
  device: string,
  addresses: readonly string[],
): Promise<string[]> {
  const [link] = (await readLinks(host)).filter(({ ifname }) => ifname === device);
  const present = link ? addressesOf(link).filter((text) => addresses.includes(text)) : [];
  await batch(host, present.map((text) => `address del ${text} dev ${device}\n`).join(''));
  return present;
}

/** What the kernel made of itself, such as fe80::, stays. */
function addressesOf(link: LinkJson): string[] {
  return link.addr_info.flatMap(({ local, prefixlen }) =>
    local && !local.startsWith('fe80:') ? [`${local}/${prefixlen}`] : [],
  );
}

export async function connectedPrefixes(
  host: LinuxHost,
  names: HostNames,
): Promise<ConnectedPrefix[]> {
  const others = (await readLinks(host)).filter(
    ({ ifname, flags }) =>
      ifname !== names.device && flags.includes('UP') && !flags.includes('LOOPBACK'),
  );
  return others.flatMap(({ ifname, addr_info }) =>
    addr_info.flatMap(({ local, prefixlen }) => {
      if (!local) return [];
      const prefix = cidr(`${local}/${prefixlen}`);
      // A single address connects to nobody; link-local ones belong to no network of ours.
      if (prefix.length === bitsOf(prefix.family) || local.startsWith('fe80:')) return [];
      return [{ cidr: printCidr(prefix), interface: ifname }];
    }),
  );
}

async function readLinks(host: LinuxHost): Promise<LinkJson[]> {
  const { status, stdout, stderr } = await host.run('ip', ['-j', 'address', 'show']);
  if (status !== 0)
    throw new Fault('network-refused', { reason: `ip address: ${firstLine(stderr)}` });
  return (JSON.parse(stdout || '[]') as Partial<LinkJson>[]).filter(
    (link): link is LinkJson => link.ifname !== undefined,
  );
}

export async function batch(host: LinuxHost, text: string): Promise<void> {
  if (text === '') return;
  const { status, stderr } = await host.run('ip', ['-batch', '-'], text);
  if (status !== 0) throw new Fault('network-refused', { reason: `ip: ${firstLine(stderr)}` });
}
