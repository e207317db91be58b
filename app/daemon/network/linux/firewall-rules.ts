/**
 * The firewall's part of the protection as text for `nft`: one table. Routing alone is not enough: a program that binds to a
 * device sends past an `unreachable` route, and another program may flush our routes.
 */
import type { HostPlan } from '../../../contract/host-plan.ts';
import { hex } from './hexadecimal.ts';
import { listDifference } from './list-difference.ts';

interface Rule {
  expression: string;
  /** Shown by `nft list ruleset`, and how the rule is known again. */
  comment: string;
}

interface Chain {
  name: string;
  hook?: string;
  rules: Rule[];
}

/** For `nft -f -`: adding before deleting makes the deletion work whether or not there is a table. */
export function renderFirewall(plan: HostPlan): string {
  const table = `table inet ${plan.names.firewallTable}`;
  return `add ${table}
delete ${table}
${table} {
${renderSet('private4', 'ipv4_addr', plan.protection.guarded.v4)}
${renderSet('private6', 'ipv6_addr', plan.protection.guarded.v6)}
${chains(plan).map(renderChain).join('\n')}
}
`;
}

/** For `nft -f -`, from the sets of one plan to those of the next; empty where they are equal. */
export function renderGuardedChange(before: HostPlan, plan: HostPlan): string {
  const old = before.protection.guarded;
  const { guarded } = plan.protection;
  const v4 = listDifference(old.v4, guarded.v4);
  const v6 = listDifference(old.v6, guarded.v6);
  const elements = (action: string, set: string, spans: readonly string[]) =>
    spans.length === 0
      ? ''
      : `${action} element inet ${plan.names.firewallTable} ${set} { ${spans.join(', ')} }\n`;
  return [
    elements('delete', 'private4', v4.removed),
    elements('delete', 'private6', v6.removed),
    elements('add', 'private4', v4.added),
    elements('add', 'private6', v6.added),
  ].join('');
}

/** In the order in which `nft` lists them. */
export function chains(plan: HostPlan): Chain[] {
  return [
    { name: 'refuse', rules: REFUSE },
    { name: 'guard', rules: guard(plan) },
    {
      name: 'output',
      hook: 'type filter hook output priority filter - 5; policy accept;',
      rules: [...NEIGHBOURHOOD, ...strangers(plan), jump('guard')],
    },
    {
      name: 'forward',
      hook: 'type filter hook forward priority filter - 5; policy accept;',
      rules: [jump('guard')],
    },
    {
      name: 'prerouting',
      hook: 'type filter hook prerouting priority raw; policy accept;',
      rules: hideOwn(plan),
    },
  ];
}

/** No other table with our name would have it. */
export const GUARD_COMMENT = 'private addresses';

/** Told at once instead of dropped: programs should fail now, not hang. */
const REFUSE: Rule[] = [
  { expression: 'meta l4proto tcp reject with tcp reset', comment: 'refuse tcp' },
  { expression: 'reject with icmpx admin-prohibited', comment: 'refuse the rest' },
];

function guard({ names }: HostPlan): Rule[] {
  const mark = `meta mark and ${hex(names.markMask)} == ${hex(names.mark)}`;
  return [
    { expression: `${mark} return`, comment: 'packets of the tunnel itself' },
    { expression: `oifname { "lo", "${names.device}" } return`, comment: 'where they belong' },
    { expression: 'ip daddr @private4 goto refuse', comment: GUARD_COMMENT },
    { expression: 'ip6 daddr @private6 goto refuse', comment: 'private addresses, IPv6' },
  ];
}

/**
 * What a host needs to keep its lease and find its neighbours, and nothing else: a local network that names a private host
 * as its router or resolver must not get traffic for it. Only from this computer, never forwarded.
 */
const NEIGHBOURHOOD: Rule[] = [
  { expression: 'udp sport 68 udp dport 67 accept', comment: 'DHCP' },
  { expression: 'udp sport 546 udp dport 547 accept', comment: 'DHCPv6' },
  {
    expression:
      'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept',
    comment: 'neighbour discovery',
  },
];

/**
 * Connections from before the tunnel still have another source address: they end now instead of stalling. The comment names
 * the addresses, for rules are known by their comments: with another address these have to be other rules.
 */
function strangers({ names, protection: { own } }: HostPlan): Rule[] {
  const rule = (
    match: string,
    addresses: readonly string[],
    more: readonly string[] = [],
  ): Rule => ({
    expression: `oifname "${names.device}" ${match} != ${anyOf([...addresses, ...more])} goto refuse`,
    comment: `connections older than the tunnel, not from ${addresses.join(' ')}`,
  });
  return [
    ...(own.v4.length > 0 ? [rule('ip saddr', own.v4)] : []),
    ...(own.v6.length > 0 ? [rule('ip6 saddr', own.v6, ['fe80::/10', '::'])] : []),
  ];
}

/** Nobody outside the tunnel may find out its address or talk to it (CVE-2019-14899). */
function hideOwn({ names, protection: { own } }: HostPlan): Rule[] {
  const rule = (match: string, addresses: readonly string[]): Rule => ({
    expression: `iifname != "${names.device}" ${match} ${anyOf(addresses)} fib saddr type != local drop`,
    comment: `our address ${addresses.join(' ')} belongs to the tunnel`,
  });
  return [
    ...(own.v4.length > 0 ? [rule('ip daddr', own.v4)] : []),
    ...(own.v6.length > 0 ? [rule('ip6 daddr', own.v6)] : []),
  ];
}

function jump(chain: string): Rule {
  return { expression: `jump ${chain}`, comment: 'keep private traffic in the tunnel' };
}

function anyOf(addresses: readonly string[]): string {
  return addresses.length === 1 ? `${addresses[0]}` : `{ ${addresses.join(', ')} }`;
}

function renderSet(name: string, type: string, elements: readonly string[]): string {
  const filled = elements.length === 0 ? '' : `    elements = { ${elements.join(', ')} }\n`;
  return `  set ${name} {\n    type ${type}\n    flags interval\n${filled}  }`;
}

function renderChain({ name, hook, rules }: Chain): string {
  const lines = [
    ...(hook ? [hook] : []),
    ...rules.map(({ expression, comment }) => `${expression} comment "${comment}"`),
  ];
  return `  chain ${name} {\n${lines.map((line) => `    ${line}\n`).join('')}  }`;
}
