/** One list of a draft, and the way to change it: what the list and its adder are drawn from. */
import type { ListName } from '../../../contract/decide/list-name.ts';
import type { SplitEntry } from '../../../contract/snapshot.ts';

export interface SplitListProps {
  which: ListName;
  entries: readonly SplitEntry[];
  onChange: (which: ListName, entries: SplitEntry[]) => void;
}
