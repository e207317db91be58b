/** The one-click fix of a warning: entries that are taken out of one list. */
import type { SplitPreview } from '../../../contract/admin-api.ts';
import { cidr, printCidr } from '../../../contract/net/prefix.ts';
import type { SplitTunnel } from '../../../contract/snapshot.ts';

export type SplitFix = SplitPreview['warnings'][number]['fix'];

/** The gateway names entries in their one spelling; a draft still has them as they were typed. */
export function fixed(draft: SplitTunnel, { list, entries }: SplitFix): SplitTunnel {
  const gone = new Set(entries);
  const kept = draft[list].filter(
    (entry) => !('cidr' in entry && gone.has(printCidr(cidr(entry.cidr)))),
  );
  return { ...draft, [list]: kept };
}
