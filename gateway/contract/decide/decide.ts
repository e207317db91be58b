/**
 * Where a destination goes, and which entry says so. The router, `culvert why` and the dashboard all ask here.
 *
 * Both lists count at once and the most specific entry wins; at equal length exclude wins. A network's range counts as an
 * include entry of its own length, a domain's pinned address as one host. What nothing covers takes the default path.
 */
import { type Address, unmapped } from '../net/address.ts';
import { hostPrefix, isHost } from '../net/prefix.ts';
import {
  type Entry,
  type NetworkRef,
  type Path,
  pathOf,
  type Reason,
  type SplitPolicy,
} from './policy.ts';

export interface Decision {
  path: Path;
  because: Reason;
}

export function decide(destination: Address, policy: SplitPolicy): Decision {
  const because = decidingEntry(unmapped(destination), policy) ?? { kind: 'default' };
  return { path: pathOf(because, policy.defaultPath), because };
}

/** The networks with the most specific range around an address, whatever the lists say about it. */
export function networksAt(destination: Address, policy: SplitPolicy): readonly NetworkRef[] {
  return policy.ranges.match(unmapped(destination))?.value ?? [];
}

function decidingEntry(destination: Address, policy: SplitPolicy): Entry | undefined {
  const entry = policy.entries.match(destination)?.value;
  const pin = policy.pins.get(hostPrefix(destination));
  return pin ? stronger(entry, pin) : entry;
}

/** A pin is as specific as can be; only an entry for the same single host can stand against it. */
export function stronger(entry: Entry | undefined, pin: Entry): Entry {
  if (!entry || !isHost(entry.prefix)) return pin;
  return isExclude(pin) && !isExclude(entry) ? pin : entry;
}

function isExclude(entry: Entry): boolean {
  return entry.kind !== 'network' && entry.list === 'exclude';
}
