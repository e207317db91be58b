/** What a person types or pastes into a list: prefixes, addresses, names, each with a note after `#`. */
import { Cidr, IpAddress } from '../../../contract/net/text.ts';
import type { SplitEntry } from '../../../contract/snapshot.ts';

/** `example.com` or `*.example.com`: labels of letters, digits and hyphens (RFC 1123), at least two of them. */
const domain = /^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*$/;
const LONGEST_NOTE = 200;

export function readEntry(typed: string): SplitEntry | undefined {
  const text = typed.trim().toLowerCase().replace(/\.$/, '');
  if (Cidr.safeParse(text).success) return { cidr: text };
  if (IpAddress.safeParse(text).success)
    return { cidr: `${text}/${text.includes(':') ? 128 : 32}` };
  if (text.length <= 253 && domain.test(text)) return { domain: text };
  return undefined;
}

export interface ReadEntries {
  entries: SplitEntry[];
  /** What is none, as it was written. */
  unread: string[];
}

/** Lines, or several on a line with commas or spaces between them. */
export function readEntries(typed: string): ReadEntries {
  const read: ReadEntries = { entries: [], unread: [] };
  for (const line of typed.split('\n')) {
    const [text = '', note = ''] = line.split(/#(.*)/s).map((part) => part.trim());
    for (const one of text.split(/[\s,;]+/).filter(Boolean)) {
      const entry = readEntry(one);
      if (!entry) read.unread.push(one);
      else read.entries.push(note === '' ? entry : { ...entry, note: note.slice(0, LONGEST_NOTE) });
    }
  }
  return read;
}

export function entryText(entry: SplitEntry): string {
  return 'cidr' in entry ? entry.cidr : entry.domain;
}
