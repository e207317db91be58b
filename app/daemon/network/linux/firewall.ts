/** Our nftables table in the kernel: replaced in one transaction, so that between old and new there is no packet without it. */
import { address } from '../../../../gateway/contract/net/address.ts';
import {
  type AddressSet,
  addressSet,
  sameSet,
  union,
} from '../../../../gateway/contract/net/address-set.ts';
import { cidr } from '../../../../gateway/contract/net/prefix.ts';
import type { HostPlan } from '../../../contract/host-plan.ts';
import { Fault } from '../../../contract/problem.ts';
import { chains, GUARD_COMMENT, renderFirewall, renderGuardedChange } from './firewall-rules.ts';
import type { LinuxHost } from './host.ts';
import { firstLine } from './routes.ts';

export async function replaceFirewall(host: LinuxHost, plan: HostPlan): Promise<void> {
  const { status, stderr } = await host.run('nft', ['-f', '-'], renderFirewall(plan));
  if (status !== 0) throw new Fault('network-refused', { reason: `nft: ${firstLine(stderr)}` });
}

/** The guarded addresses alone, by their difference, in one transaction; rules and the rest of the sets stay as they are. */
export async function changeGuarded(
  host: LinuxHost,
  before: HostPlan,
  plan: HostPlan,
): Promise<void> {
  const text = renderGuardedChange(before, plan);
  if (text === '') return;
  const { status, stderr } = await host.run('nft', ['-f', '-'], text);
  if (status !== 0) throw new Fault('network-refused', { reason: `nft: ${firstLine(stderr)}` });
}

/** Rules that were accepted and are not there have been seen in the field. */
export async function verifyFirewall(host: LinuxHost, plan: HostPlan): Promise<void> {
  if (isIntact(await readFirewall(host, plan.names.firewallTable), plan)) return;
  throw new Fault('network-refused', {
    reason: 'the firewall accepted rules that are not there',
  });
}

/** Whether every rule and every guarded address of a plan is in the kernel. */
export function isIntact(found: Firewall | undefined, plan: HostPlan): boolean {
  if (!found) return false;
  const wanted = chains(plan).flatMap(({ name, rules }) =>
    rules.map(({ comment }) => `${name}: ${comment}`),
  );
  const guarded = union(
    spansToSet(plan.protection.guarded.v4),
    spansToSet(plan.protection.guarded.v6),
  );
  return found.rules.join('\n') === wanted.join('\n') && sameSet(found.guarded, guarded);
}

/** Answers whether there was one. */
export async function removeFirewall(host: LinuxHost, table: string): Promise<boolean> {
  if ((await firewallState(host, table)) === 'absent') return false;
  const { status, stderr } = await host.run('nft', ['delete', 'table', 'inet', table]);
  if (status !== 0) throw new Fault('network-refused', { reason: `nft: ${firstLine(stderr)}` });
  return true;
}

/** What has our table's name. */
export async function firewallState(
  host: LinuxHost,
  table: string,
): Promise<'ours' | 'absent' | 'foreign'> {
  const found = await readFirewall(host, table);
  if (!found) return 'absent';
  return found.rules.includes(`guard: ${GUARD_COMMENT}`) ? 'ours' : 'foreign';
}

export interface Firewall {
  /** `chain: comment`, by chain in our order. */
  rules: string[];
  guarded: AddressSet;
}

interface NftJson {
  nftables: {
    rule?: { chain: string; comment?: string };
    set?: { name: string; elem?: NftElement[] };
  }[];
}

type NftElement = string | { range: [string, string] } | { prefix: { addr: string; len: number } };

/** Undefined where there is no table of that name. */
export async function readFirewall(host: LinuxHost, table: string): Promise<Firewall | undefined> {
  const { status, stdout, stderr } = await host.run('nft', ['-j', 'list', 'table', 'inet', table]);
  if (status !== 0) {
    if (/No such file or directory/.test(stderr)) return undefined;
    throw new Fault('network-refused', { reason: `nft: ${firstLine(stderr)}` });
  }
  const { nftables } = JSON.parse(stdout) as NftJson;
  const elements = nftables.flatMap(({ set }) => set?.elem ?? []);
  return {
    rules: nftables.flatMap(({ rule }) => (rule ? [`${rule.chain}: ${rule.comment ?? ''}`] : [])),
    guarded: spansToSet(elements.map(elementText)),
  };
}

function elementText(element: NftElement): string {
  if (typeof element === 'string') return element;
  if ('range' in element) return element.range.join('-');
  return `${element.prefix.addr}/${element.prefix.len}`;
}

/** `first-last`, a single address, or a CIDR. */
export function spansToSet(spans: readonly string[]): AddressSet {
  const cidrs = spans.filter((text) => text.includes('/'));
  const v4: { first: number; last: number }[] = [];
  const v6: { first: bigint; last: bigint }[] = [];
  for (const text of spans) {
    if (text.includes('/')) continue;
    const [start = '', end = start] = text.split('-');
    const first = address(start);
    const last = address(end);
    if (first.family === 4 && last.family === 4) v4.push({ first: first.value, last: last.value });
    if (first.family === 6 && last.family === 6) v6.push({ first: first.value, last: last.value });
  }
  return union(addressSet(cidrs.map(cidr)), { v4, v6 });
}
