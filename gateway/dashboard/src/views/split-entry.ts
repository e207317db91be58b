/** What a person types into a list: a prefix, one address, or a name. */
import { Cidr, IpAddress } from '../../../contract/net/text.ts';
import type { SplitEntry } from '../../../contract/snapshot.ts';

/** `example.com` or `*.example.com`: labels of letters, digits and hyphens (RFC 1123), at least two of them. */
const domain = /^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*$/;

export function readEntry(typed: string): SplitEntry | undefined {
  const text = typed.trim().toLowerCase().replace(/\.$/, '');
  if (Cidr.safeParse(text).success) return { cidr: text };
  if (IpAddress.safeParse(text).success)
    return { cidr: `${text}/${text.includes(':') ? 128 : 32}` };
  if (text.length <= 253 && domain.test(text)) return { domain: text };
  return undefined;
}

export function entryText(entry: SplitEntry): string {
  return 'cidr' in entry ? entry.cidr : entry.domain;
}
