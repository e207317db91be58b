/** Ranges that can never work in this network. */
import {
  cidr,
  containsPrefix,
  type Prefix,
  printCidr,
  samePrefix,
} from '../../contract/net/prefix.ts';
import { refusePrefix } from '../../contract/range-rule.ts';
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
  return refusePrefix(range);
}
