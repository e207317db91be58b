/**
 * What macOS would be told. Pure, and held by golden tests only: it has been run nowhere yet.
 *
 * macOS has one routing table and no rules in front of it, so the packet filter is the protection and routes are only
 * convenience: a pf anchor lets private addresses out through the tunnel alone. The engine's socket is told from other
 * programs by its user (root) and its port, for pf knows no marks.
 */
import type { HostPlan } from '../../../contract/host-plan.ts';
import type { Command } from '../command.ts';

export const ANCHOR = 'com.apple/250.culvert';
const PFCTL = '/sbin/pfctl';
const ROUTE = '/sbin/route';
const IFCONFIG = '/sbin/ifconfig';

export interface Gateway {
  address: string;
  port: number;
}

/** One anchor, loaded whole: pf swaps a rule set in one step. `-E` counts who wants pf on. */
export function protectCommands(plan: HostPlan, gateways: readonly Gateway[]): Command[] {
  return [
    { file: PFCTL, argv: ['-a', ANCHOR, '-f', '-'], input: renderAnchor(plan, gateways) },
    { file: PFCTL, argv: ['-E'] },
  ];
}

export function unprotectCommands(enableToken: string): Command[] {
  return [
    { file: PFCTL, argv: ['-a', ANCHOR, '-F', 'all'] },
    { file: PFCTL, argv: ['-X', enableToken] },
  ];
}

/** `device` is the utun that the engine got: macOS names it. */
export function connectCommands(plan: HostPlan, device: string): Command[] {
  return [
    { file: IFCONFIG, argv: [device, 'mtu', `${plan.connection.mtu}`, 'up'] },
    ...plan.connection.addresses.map((text) => addressCommand(device, text)),
    ...plan.connection.tunnel.map((cidr) => routeCommand('add', cidr, device)),
    // Connections from before the tunnel hold states that pf would let pass.
    ...plan.connection.tunnel.map((cidr) => ({
      file: PFCTL,
      argv: ['-k', isV6(cidr) ? '::/0' : '0.0.0.0/0', '-k', cidr],
    })),
  ];
}

/** Addresses go with the utun. */
export function disconnectCommands(plan: HostPlan, device: string): Command[] {
  return plan.connection.tunnel.map((cidr) => routeCommand('delete', cidr, device));
}

export function renderAnchor(plan: HostPlan, gateways: readonly Gateway[]): string {
  const { unreachable, direct, own } = plan.protection;
  const { device } = plan.names;
  return [
    // A pf table answers with its most specific member, so negated members are our excluded ones.
    table('culvert_private', [...unreachable, ...direct.map((cidr) => `!${cidr}`)]),
    table('culvert_own', [...own.v4, ...own.v6]),
    'pass out quick on lo0 all flags any no state',
    ...gateways.map(
      ({ address, port }) =>
        `pass out quick proto udp from any to ${address} port ${port} user root no state`,
    ),
    'pass out quick inet proto udp from any port 68 to any port 67 no state',
    'pass out quick inet6 proto udp from any port 546 to any port 547 no state',
    'pass out quick inet6 proto icmp6 all icmp6-type { neighbrsol, neighbradv, routersol } no state',
    `pass out quick on ${device} from <culvert_own> to <culvert_private> flags any no state`,
    'block return out quick to <culvert_private>',
    `block drop in quick on ! ${device} to <culvert_own>`,
    '',
  ].join('\n');
}

function table(name: string, members: readonly string[]): string {
  return `table <${name}> const { ${members.join(' ')} }`;
}

function addressCommand(device: string, text: string): Command {
  const [address = '', length = ''] = text.split('/');
  if (isV6(text))
    return { file: IFCONFIG, argv: [device, 'inet6', address, 'prefixlen', length, 'alias'] };
  return {
    file: IFCONFIG,
    argv: [device, 'inet', address, address, 'netmask', '255.255.255.255', 'alias'],
  };
}

function routeCommand(action: 'add' | 'delete', cidr: string, device: string): Command {
  const family = isV6(cidr) ? '-inet6' : '-inet';
  return { file: ROUTE, argv: ['-q', '-n', action, family, '-net', cidr, '-interface', device] };
}

function isV6(text: string): boolean {
  return text.includes(':');
}
