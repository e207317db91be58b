/** What is wrong with a network's range: refused where it can never work, told where it may surprise. */
import { findHidden } from '../../contract/decide/hidden.ts';
import { splitPolicy } from '../../contract/decide/policy.ts';
import { addressSet, intersect, isEmpty } from '../../contract/net/address-set.ts';
import {
  cidr,
  containsPrefix,
  isHost,
  type Prefix,
  prefixesOverlap,
  printCidr,
  samePrefix,
} from '../../contract/net/prefix.ts';
import { type Said, said } from '../../contract/said.ts';
import type { SplitTunnel } from '../../contract/snapshot.ts';
import type { PolicyNetwork, PolicyProfile } from './policy-state.ts';

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

/** The first thing that an administrator should know about a range that is in use. */
export function rangeProblem(
  text: string,
  network: PolicyNetwork,
  networks: readonly PolicyNetwork[],
  overlay: readonly string[],
): Said | null {
  const range = cidr(text);
  const twin = others(network, networks).find((other) =>
    other.ranges.some((own) => samePrefix(cidr(own), range)),
  );
  if (twin) return said('range-twin', { range: text, network: twin.name });
  if (range.length === 0) return said('range-everything', { range: text, network: network.name });
  const clash = overlay.map(cidr).find((prefix) => prefixesOverlap(prefix, range));
  if (clash) return said('range-covers-overlay', { range: text, overlay: printCidr(clash) });
  return overlapSentence(range, network, networks);
}

/** The classic trap: an exclude entry of some profile takes the range, or a part of it, away from devices. */
export function hiddenProblem(
  text: string,
  network: PolicyNetwork,
  profiles: readonly PolicyProfile[],
): Said | null {
  for (const { name, splitTunnel } of profiles) {
    // Most ranges have no such entry, and compiling ten thousand entries once a range would take seconds.
    if (!excludesWithin(splitTunnel, cidr(text))) continue;
    const hidden = findHidden(splitPolicy({ splitTunnel, networks: [network] }));
    const one = hidden.find(({ range }) => range === text);
    if (!one) continue;
    return one.whole
      ? said('range-hidden', { profile: name })
      : said('range-part-hidden', { profile: name, part: one.entry });
  }
  return null;
}

function excludesWithin(splitTunnel: SplitTunnel, range: Prefix): boolean {
  const known = excludedPrefixes.get(splitTunnel);
  const prefixes =
    known ?? splitTunnel.exclude.flatMap((entry) => ('cidr' in entry ? [cidr(entry.cidr)] : []));
  if (!known) excludedPrefixes.set(splitTunnel, prefixes);
  return prefixes.some((prefix) => containsPrefix(range, prefix));
}

/** Read once for each state of the lists. */
const excludedPrefixes = new WeakMap<SplitTunnel, readonly Prefix[]>();

/** Longest prefix wins between networks, which is right as often as it surprises. */
function overlapSentence(
  range: Prefix,
  network: PolicyNetwork,
  networks: readonly PolicyNetwork[],
): Said | null {
  for (const other of others(network, networks)) {
    for (const own of other.ranges.map(cidr)) {
      const narrower = range.length > own.length ? network : other;
      const part = range.length > own.length ? range : own;
      if (isEmpty(intersect(addressSet([range]), addressSet([own])))) continue;
      return said('range-overlaps', {
        other: printCidr(own),
        network: other.name,
        part: printCidr(part),
        winner: narrower.name,
      });
    }
  }
  return null;
}

function others(network: PolicyNetwork, networks: readonly PolicyNetwork[]): PolicyNetwork[] {
  return networks.filter(({ id }) => id !== network.id);
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
