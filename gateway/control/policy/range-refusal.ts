/** Ranges that can never work in a network. */
import {
  cidr,
  containsPrefix,
  isHost,
  type Prefix,
  printCidr,
  samePrefix,
} from '../../contract/net/prefix.ts';
import { type Said, said } from '../../contract/said.ts';
import type { PolicyNetwork } from './policy-state.ts';

/** Why the range is refused; undefined when it may be added. */
export function refuseRange(
  range: Prefix,
  network: PolicyNetwork,
  overlay: readonly string[],
): Said | undefined {
  const text = printCidr(range);
  if (network.ranges.some((own) => samePrefix(cidr(own), range))) {
    return said('range-known', { range: text, network: network.name });
  }
  const own = overlay.map(cidr).find((prefix) => containsPrefix(prefix, range));
  if (own) return said('range-in-overlay', { range: text, overlay: printCidr(own) });
  if (!isHost(range) && NEVER.some((prefix) => containsPrefix(prefix, range))) {
    return said('range-never-private', { range: text });
  }
  return undefined;
}

/** Single hosts of these may be named on purpose (a metadata address, a service on the connector's own loopback). */
const NEVER = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',

  'fe80::/10',
  'ff00::/8',
].map(cidr);
