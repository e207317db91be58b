/** Domain entries: `example.com` is that name alone, `*.example.com` any depth below it and not itself. */
import type { SplitEntry } from '../snapshot.ts';
import type { ListName } from './list-name.ts';

export interface DomainEntry {
  list: ListName;
  /** As written in the list. */
  domain: string;
}

export interface DomainTable {
  exact: ReadonlyMap<string, DomainEntry>;
  /** By what follows `*.`. */
  below: ReadonlyMap<string, DomainEntry>;
}

/** Exclude comes last, so that it wins where both lists have the same entry. */
export function domainTable(
  include: readonly SplitEntry[],
  exclude: readonly SplitEntry[],
): DomainTable {
  const exact = new Map<string, DomainEntry>();
  const below = new Map<string, DomainEntry>();
  const add = (list: ListName, entries: readonly SplitEntry[]) => {
    for (const entry of entries) {
      if (!('domain' in entry)) continue;
      const name = canonicalName(entry.domain);
      if (name.startsWith('*.')) below.set(name.slice(2), { list, domain: entry.domain });
      else exact.set(name, { list, domain: entry.domain });
    }
  };
  add('include', include);
  add('exclude', exclude);
  return { exact, below };
}

/** The entry that decides for a name: the exact one, else the wildcard with the most labels. */
export function decideName(name: string, table: DomainTable): DomainEntry | undefined {
  const canonical = canonicalName(name);
  const exact = table.exact.get(canonical);
  if (exact) return exact;
  for (let dot = canonical.indexOf('.'); dot !== -1; dot = canonical.indexOf('.', dot + 1)) {
    const below = table.below.get(canonical.slice(dot + 1));
    if (below) return below;
  }
  return undefined;
}

/** One spelling for names that are the same: DNS ignores case, and a trailing dot says only that nothing follows. */
export function canonicalName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}
