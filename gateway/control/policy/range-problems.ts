/** What is wrong with a network's range: refused where it can never work, told as a sentence where it may surprise. */
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
import type { SplitTunnel } from '../../contract/snapshot.ts';
import type { PolicyNetwork, PolicyProfile } from './policy-state.ts';

/** A sentence when the range is refused; undefined when it may be added. */
export function refuseRange(
  range: Prefix,
  network: PolicyNetwork,
  overlay: readonly string[],
): string | undefined {
  const text = printCidr(range);
  if (network.ranges.some((own) => samePrefix(cidr(own), range))) {
    return `${text} is already a range of ${network.name}.`;
  }
  const own = overlay.map(cidr).find((prefix) => containsPrefix(prefix, range));
  if (own)
    return `${text} lies in ${printCidr(own)}, where devices and connectors have their own addresses.`;
  if (!isHost(range) && NEVER.some((prefix) => containsPrefix(prefix, range))) {
    return `${text} is not the address of a private network: it means this machine itself, its own link, or a multicast group.`;
  }
  return undefined;
}

/** The first thing that an administrator should know about a range that is in use. */
export function rangeProblem(
  text: string,
  network: PolicyNetwork,
  networks: readonly PolicyNetwork[],
  overlay: readonly string[],
): string | null {
  const range = cidr(text);
  const twin = others(network, networks).find((other) =>
    other.ranges.some((own) => samePrefix(cidr(own), range)),
  );
  if (twin) return `${text} is also a range of ${twin.name}. A device reaches only one of the two.`;
  if (range.length === 0)
    return `${text} is every address there is: all traffic of devices goes into ${network.name}.`;
  const clash = overlay.map(cidr).find((prefix) => prefixesOverlap(prefix, range));
  if (clash)
    return `${text} also covers ${printCidr(clash)}, where devices and connectors have their addresses.`;
  return overlapSentence(range, network, networks);
}

/** The classic trap: an exclude entry of some profile takes the range, or a part of it, away from devices. */
export function hiddenProblem(
  text: string,
  network: PolicyNetwork,
  profiles: readonly PolicyProfile[],
): string | null {
  for (const { name, splitTunnel } of profiles) {
    // Most ranges have no such entry, and compiling ten thousand entries once a range would take seconds.
    if (!excludesWithin(splitTunnel, cidr(text))) continue;
    const hidden = findHidden(splitPolicy({ splitTunnel, networks: [network] }));
    const one = hidden.find(({ range }) => range === text);
    if (!one) continue;
    const part = one.whole ? 'it' : `${one.entry} of it`;
    return `The exclude list of the profile ${name} keeps ${part} out of the tunnel: devices do not reach it.`;
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
): string | null {
  for (const other of others(network, networks)) {
    for (const own of other.ranges.map(cidr)) {
      const narrower = range.length > own.length ? network : other;
      const part = range.length > own.length ? range : own;
      if (isEmpty(intersect(addressSet([range]), addressSet([own])))) continue;
      return `Overlaps ${printCidr(own)} of ${other.name}: ${printCidr(part)} goes to ${narrower.name}.`;
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
