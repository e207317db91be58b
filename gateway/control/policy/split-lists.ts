/** Lists as somebody sent them: refused where they cannot be saved, else each entry in its one spelling. */
import { cidr, parseCidr, printCidr } from '../../contract/net/prefix.ts';
import { type Said, said } from '../../contract/said.ts';
import type { SplitEntry, SplitTunnel } from '../../contract/snapshot.ts';

/** Why these lists cannot be saved; null when they can. */
export function refuseSplit(split: SplitTunnel): Said | null {
  if (split.defaultPath === 'tunnel') return said('tunnel-not-carried');
  const bad = [...split.include, ...split.exclude].find(
    (entry) => 'domain' in entry && !isDomain(entry.domain),
  );
  return bad && 'domain' in bad ? said('no-domain', { text: bad.domain }) : null;
}

/** One spelling for each entry: host bits masked, names in lower case without a trailing dot. */
export function canonicalSplit(split: SplitTunnel): SplitTunnel {
  return {
    ...split,
    include: split.include.map(canonicalEntry),
    exclude: split.exclude.map(canonicalEntry),
  };
}

function canonicalEntry(entry: SplitEntry): SplitEntry {
  if ('cidr' in entry) return { ...entry, cidr: printCidr(cidr(entry.cidr)) };
  return { ...entry, domain: entry.domain.toLowerCase().replace(/\.$/, '') };
}

/** RFC 1123 labels, optionally below a `*.`; a bare top-level name is allowed, for private zones have such. */
function isDomain(text: string): boolean {
  const name = text.replace(/^\*\./, '').replace(/\.$/, '');
  if (name.length === 0 || name.length > 253 || parseCidr(`${name}/32`)) return false;
  return name.split('.').every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label));
}
