/** What an administrator should know about ranges that are in use: they work, but perhaps not as somebody thinks. */
import { findHidden } from '../../contract/decide/hidden.ts';
import { splitPolicy } from '../../contract/decide/policy.ts';
import { cidr, type Prefix, prefixesOverlap, printCidr } from '../../contract/net/prefix.ts';
import { PrefixTable } from '../../contract/net/prefix-table.ts';
import { type Said, said } from '../../contract/said.ts';
import type { SplitEntry, SplitTunnel } from '../../contract/snapshot.ts';
import type { PolicyNetwork, PolicyProfile } from './policy-state.ts';
import { SortedPrefixes } from './sorted-prefixes.ts';

export interface RangesInUse {
  networks: readonly PolicyNetwork[];
  profiles: readonly PolicyProfile[];
  overlay: readonly string[];
}

/** Of each network, by range; ranges without a note are left out. */
export type RangeNotes = ReadonlyMap<PolicyNetwork, ReadonlyMap<string, Said>>;

interface OwnedRange {
  prefix: Prefix;
  network: PolicyNetwork;
  /** Of the network, in the state: of several that overlap the first one is named. */
  place: number;
}

/** Yields after each network: there may be thousands of ranges and entries. */
export function* rangeNotes({
  networks,
  profiles,
  overlay,
}: RangesInUse): Generator<void, RangeNotes> {
  const owned = networks.flatMap((network, place) =>
    network.ranges.map((range): OwnedRange => ({ prefix: cidr(range), network, place })),
  );
  const neighbours = new Neighbours(owned);
  const own = overlay.map(cidr);
  const notes = new Map<PolicyNetwork, Map<string, Said>>();
  for (const network of networks) {
    const ofNetwork = new Map<string, Said>();
    for (const text of network.ranges) {
      const note = hiddenNote(text, network, profiles) ?? rangeNote(text, network, neighbours, own);
      if (note) ofNetwork.set(text, note);
    }
    notes.set(network, ofNetwork);
    yield;
  }
  return notes;
}

/** The classic trap: an exclude entry of some profile takes the range, or a part of it, away from devices. */
function hiddenNote(
  text: string,
  network: PolicyNetwork,
  profiles: readonly PolicyProfile[],
): Said | undefined {
  const range = cidr(text);
  for (const { name, splitTunnel } of profiles) {
    const inside = entriesWithin(splitTunnel, range);
    // Most ranges have no such entry.
    if (inside.exclude.length === 0) continue;
    const ranges = network.ranges.filter((one) => prefixesOverlap(cidr(one), range));
    const policy = splitPolicy({ splitTunnel: inside, networks: [{ ...network, ranges }] });
    const hidden = findHidden(policy).find((one) => one.range === text);
    if (!hidden) continue;
    return hidden.whole
      ? said('range-hidden', { profile: name })
      : said('range-part-hidden', { profile: name, part: hidden.entry });
  }
  return undefined;
}

/** Wider entries decide nothing here: the range is more specific. */
function entriesWithin(splitTunnel: SplitTunnel, range: Prefix): SplitTunnel {
  const known = sortedLists.get(splitTunnel);
  const lists = known ?? {
    include: sorted(splitTunnel.include),
    exclude: sorted(splitTunnel.exclude),
  };
  if (!known) sortedLists.set(splitTunnel, lists);
  const entries = (list: SortedPrefixes<PlacedEntry>) =>
    list.within(range).map(({ entry }) => entry);
  return {
    defaultPath: 'direct',
    include: entries(lists.include),
    exclude: entries(lists.exclude),
  };
}

interface PlacedEntry {
  prefix: Prefix;
  entry: SplitEntry;
}

/** Sorted once for each state of the lists. */
const sortedLists = new WeakMap<
  SplitTunnel,
  Record<'include' | 'exclude', SortedPrefixes<PlacedEntry>>
>();

function sorted(entries: readonly SplitEntry[]): SortedPrefixes<PlacedEntry> {
  return new SortedPrefixes(
    entries.flatMap((entry) => ('cidr' in entry ? [{ entry, prefix: cidr(entry.cidr) }] : [])),
  );
}

function rangeNote(
  range: string,
  network: PolicyNetwork,
  neighbours: Neighbours,
  overlay: readonly Prefix[],
): Said | undefined {
  const prefix = cidr(range);
  const others = neighbours.of(prefix).filter((other) => other.network !== network);
  const twin = others.find((other) => other.prefix.length === prefix.length);
  if (twin) return said('range-twin', { range, network: twin.network.name });
  if (prefix.length === 0) return said('range-everything', { range, network: network.name });
  const clash = overlay.find((own) => prefixesOverlap(own, prefix));
  if (clash) return said('range-covers-overlay', { range, overlay: printCidr(clash) });
  return others[0] && overlapNote(prefix, network, others[0]);
}

/** Longest prefix wins between networks, which is right as often as it surprises. */
function overlapNote(range: Prefix, network: PolicyNetwork, other: OwnedRange): Said {
  const isNarrower = range.length > other.prefix.length;
  return said('range-overlaps', {
    other: printCidr(other.prefix),
    network: other.network.name,
    part: printCidr(isNarrower ? range : other.prefix),
    winner: isNarrower ? network.name : other.network.name,
  });
}

/** Ranges that overlap another one. */
class Neighbours {
  readonly #sorted: SortedPrefixes<OwnedRange>;
  readonly #byPrefix = new PrefixTable<OwnedRange[]>();

  constructor(owned: readonly OwnedRange[]) {
    this.#sorted = new SortedPrefixes(owned);
    for (const one of owned) {
      const same = this.#byPrefix.get(one.prefix);
      if (same) same.push(one);
      else this.#byPrefix.set(one.prefix, [one]);
    }
  }

  /** In the order of their networks; those of the very same prefix too. */
  of(range: Prefix): OwnedRange[] {
    const around: OwnedRange[] = [];
    for (
      let wider = this.#byPrefix.covering(range, true);
      wider;
      wider = this.#byPrefix.covering(wider.prefix, true)
    ) {
      around.push(...wider.value);
    }
    const all = [...this.#sorted.within(range), ...around];
    return all.sort((left, right) => left.place - right.place);
  }
}
