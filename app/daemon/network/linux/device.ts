/** The tunnel's network device: its size, its addresses, and the prefixes of all the others. */
import { bitsOf, cidr, printCidr } from '../../../../gateway/contract/net/prefix.ts';
import type { ConnectedPrefix, HostNames, HostPlan } from '../../../contract/host-plan.ts';
import { Fault } from '../../../contract/problem.ts';
import type { LinuxHost } from './host.ts';
import { firstLine } from './routes.ts';
import type { Family } from './rules.ts';

export interface Link {
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

/** What makes the device that of the plan, for `ip -batch -`; empty where it is. */
export async function deviceChange(host: LinuxHost, plan: HostPlan, link: Link): Promise<string> {
  const possible = host.hasIpv6() ? plan : withoutIpv6(plan);
  const { device } = plan.names;
  const wanted = possible.connection.addresses;
  const stale = addressesOf(link).filter((text) => !wanted.includes(text));
  const removals = stale.map((text) => `address del ${text} dev ${device}\n`).join('');
  if (isAsWanted(link, possible)) return removals;
  if (wanted.some((text) => text.includes(':'))) await allowIpv6(host, device);
  // Without any address, for a moment, the kernel would take the device's routes away too.
  return renderDevice(possible) + removals;
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

function isAsWanted(link: Link, { connection }: HostPlan): boolean {
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
  const link = (await readLinks(host)).find(({ ifname }) => ifname === device);
  const present = link ? addressesOf(link).filter((text) => addresses.includes(text)) : [];
  await batch(host, present.map((text) => `address del ${text} dev ${device}\n`).join(''));
  return present;
}

/** What the kernel made of itself, such as fe80::, stays. */
function addressesOf(link: Link): string[] {
  return link.addr_info.flatMap(({ local, prefixlen }) =>
    local && !local.startsWith('fe80:') ? [`${local}/${prefixlen}`] : [],
  );
}

export function connectedPrefixes(links: readonly Link[], names: HostNames): ConnectedPrefix[] {
  const others = links.filter(
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

export async function readLinks(host: LinuxHost): Promise<Link[]> {
  const { status, stdout, stderr } = await host.run('ip', ['-j', 'address', 'show']);
  if (status !== 0)
    throw new Fault('network-refused', { reason: `ip address: ${firstLine(stderr)}` });
  return linksOf(JSON.parse(stdout || '[]') as Partial<Link>[]);
}

/** `ip` lists what it leaves out as empty objects. */
export function linksOf(listed: readonly Partial<Link>[]): Link[] {
  return listed.filter((link): link is Link => link.ifname !== undefined);
}

/** `family`: for lines that do not say by themselves which they mean. */
export async function batch(host: LinuxHost, text: string, family?: Family): Promise<void> {
  if (text === '') return;
  const which = family === undefined ? [] : [`-${family}`];
  const { status, stderr } = await host.run('ip', [...which, '-batch', '-'], text);
  if (status !== 0) throw new Fault('network-refused', { reason: `ip: ${firstLine(stderr)}` });
}
