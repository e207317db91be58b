/** Which prefixes can be a network's at all: one rule for the API and for the page that asks before it sends. */
import { cidr, containsPrefix, type Prefix, printCidr, samePrefix } from './net/prefix.ts';
import { type Said, said } from './said.ts';

/** Undefined when it can. Every address there is (/0) can: it says that all traffic goes there. */
export function refusePrefix(range: Prefix): Said | undefined {
  if (range.length === 0 || METADATA.some((one) => samePrefix(one, range))) return undefined;
  if (NEVER.some((one) => containsPrefix(one, range)))
    return said('range-never-private', { range: printCidr(range) });
  const inside = NEVER.find((one) => containsPrefix(range, one));
  return inside && said('range-holds-never', { range: printCidr(range), never: printCidr(inside) });
}

/** A device never sends to these through a tunnel, whatever its routes say, or they mean another machine at each hop. */
const NEVER = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '::1/128',
  '::ffff:0:0/96',
  'fe80::/10',
  'ff00::/8',
].map(cidr);

/** Where clouds answer a machine about itself: link-local, yet routed, and worth naming on purpose. */
const METADATA = ['169.254.169.254/32', '169.254.170.2/32'].map(cidr);
