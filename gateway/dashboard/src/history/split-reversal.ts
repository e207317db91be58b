/** Takes one change of a split tunnel out of what it has become since. */
import type { SplitEntry, SplitTunnel } from '../../../contract/snapshot.ts';

export interface SplitChange {
  /** What was there before and not after. */
  removed: SplitTunnel;
  /** What was there after and not before. */
  added: SplitTunnel;
}

export function splitWithout(now: SplitTunnel, { removed, added }: SplitChange): SplitTunnel {
  const list = (which: 'include' | 'exclude') => back(now[which], removed[which], added[which]);
  return {
    defaultPath: removed.defaultPath,
    include: list('include'),
    exclude: list('exclude'),
  };
}

function back(now: SplitEntry[], removed: SplitEntry[], added: SplitEntry[]): SplitEntry[] {
  const gone = new Set(added.map(keyOf));
  const kept = now.filter((entry) => !gone.has(keyOf(entry)));
  const known = new Set(kept.map(keyOf));
  return [...kept, ...removed.filter((entry) => !known.has(keyOf(entry)))];
}

function keyOf(entry: SplitEntry): string {
  return 'cidr' in entry ? entry.cidr : entry.domain;
}
