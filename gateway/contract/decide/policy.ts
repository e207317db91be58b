/**
 * A device's lists and networks, made ready for asking. Entries are resolved once per prefix; how long one question takes
 * does not depend on how many entries there are.
 */
import type { Address } from '../net/address.ts';
import { cidr, hostPrefix, type Prefix } from '../net/prefix.ts';
import { PrefixTable } from '../net/prefix-table.ts';
import type { DefaultPath, SplitEntry, SplitTunnel } from '../snapshot.ts';
import { type DomainTable, domainTable } from './domains.ts';
import type { ListName } from './list-name.ts';

export type Path = DefaultPath;

export interface NetworkRef {
  id: string;
  name: string;
}

export interface NetworkRanges extends NetworkRef {
  ranges: readonly string[];
}

/** An address that a domain entry's name resolved to; `domain` is the entry as written. */
export interface Pin {
  address: Address;
  name: string;
  list: ListName;
  domain: string;
}

/** Which entry decides, and whose it is. */
export type Reason =
  | { kind: 'list'; list: ListName; entry: string; prefix: Prefix }
  /** Several networks may have the same range. */
  | { kind: 'network'; networks: readonly NetworkRef[]; prefix: Prefix }
  | { kind: 'domain'; list: ListName; domain: string; name: string; prefix: Prefix }
  | { kind: 'default' };

export type Entry = Exclude<Reason, { kind: 'default' }>;

export interface SplitPolicy {
  defaultPath: Path;
  /** The winner for each prefix, lists and ranges together. */
  entries: PrefixTable<Entry>;
  ranges: PrefixTable<readonly NetworkRef[]>;
  domains: DomainTable;
  pins: PrefixTable<Entry>;
}

export interface SplitSource {
  splitTunnel: SplitTunnel;
  /** Networks that the device may reach. */
  networks: readonly NetworkRanges[];
  pins?: readonly Pin[];
}

export function splitPolicy(source: SplitSource): SplitPolicy {
  const { include, exclude, defaultPath } = source.splitTunnel;
  const ranges = rangeTable(source.networks);
  const entries = new PrefixTable<Entry>();
  // At equal length the last one stays: exclude wins over include, and a written entry is named before a range.
  for (const { prefix, value } of ranges.entries()) {
    entries.set(prefix, { kind: 'network', networks: value, prefix });
  }
  for (const entry of listed('include', include)) entries.set(entry.prefix, entry);
  for (const entry of listed('exclude', exclude)) entries.set(entry.prefix, entry);
  const policy = { defaultPath, entries, ranges, domains: domainTable(include, exclude) };
  return { ...policy, pins: pinTable(source.pins ?? [], ranges) };
}

/** The same lists with other pins: pins change with every answer of a resolver, lists once in a while. */
export function withPins(policy: SplitPolicy, pins: readonly Pin[]): SplitPolicy {
  return { ...policy, pins: pinTable(pins, policy.ranges) };
}

export function pathOf(reason: Reason, defaultPath: Path): Path {
  if (reason.kind === 'default') return defaultPath;
  if (reason.kind === 'network') return 'tunnel';
  return reason.list === 'include' ? 'tunnel' : 'direct';
}

function rangeTable(networks: readonly NetworkRanges[]): PrefixTable<readonly NetworkRef[]> {
  const table = new PrefixTable<readonly NetworkRef[]>();
  for (const { id, name, ranges } of networks) {
    for (const text of ranges) {
      const prefix = cidr(text);
      const others = (table.get(prefix) ?? []).filter((other) => other.id !== id);
      table.set(prefix, [...others, { id, name }]);
    }
  }
  return table;
}

function* listed(
  list: ListName,
  entries: readonly SplitEntry[],
): Generator<Extract<Entry, { kind: 'list' }>> {
  for (const entry of entries) {
    if ('cidr' in entry) yield { kind: 'list', list, entry: entry.cidr, prefix: cidr(entry.cidr) };
  }
}

function pinTable(pins: readonly Pin[], ranges: SplitPolicy['ranges']): PrefixTable<Entry> {
  const table = new PrefixTable<Entry>();
  for (const { address, name, list, domain } of pins) {
    // Whoever answers for a public name must not take a private host out of the tunnel.
    if (list === 'exclude' && ranges.match(address)) continue;
    const prefix = hostPrefix(address);
    if (list === 'include' && table.get(prefix)) continue;
    table.set(prefix, { kind: 'domain', list, domain, name, prefix });
  }
  return table;
}
