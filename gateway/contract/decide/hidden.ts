/**
 * Exclude entries that keep people from a network's addresses. It is the classic trap of split tunnels: somebody excluded
 * a private range long ago, the network is set up well, and still nothing arrives.
 */
import { printCidr, samePrefix } from '../net/prefix.ts';
import type { NetworkRef, SplitPolicy } from './policy.ts';
import { type CompiledRoute, decidingEntries } from './routes.ts';

export interface HiddenRange {
  network: NetworkRef;
  /** Canonical CIDR of the range. */
  range: string;
  /** The exclude entry as written. */
  entry: string;
  /** The entry is the whole range; otherwise it is a part of it. */
  whole: boolean;
}

/** Sorted by entry; one line for each network whose most specific range holds the entry. */
export function findHidden(policy: SplitPolicy): HiddenRange[] {
  return decidingEntries(policy).flatMap((entry) => hiddenBy(entry, policy));
}

/** An exclude entry wider than the range hides nothing: the range is more specific. */
function hiddenBy({ because }: CompiledRoute, policy: SplitPolicy): HiddenRange[] {
  if (because.kind !== 'list' || because.list !== 'exclude') return [];
  const range = policy.ranges.covering(because.prefix);
  if (!range) return [];
  return range.value.map((network) => ({
    network,
    range: printCidr(range.prefix),
    entry: because.entry,
    whole: samePrefix(range.prefix, because.prefix),
  }));
}
