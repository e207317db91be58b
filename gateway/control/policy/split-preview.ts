/** What saving other split-tunnel lists would do, told before anybody saves them. */
import type { SplitPreview } from '../../contract/admin-api.ts';
import { type SplitPolicy, splitPolicy } from '../../contract/decide/policy.ts';
import { compileRoutes, tunnelled } from '../../contract/decide/routes.ts';
import {
  type AddressSet,
  addressSet,
  intersect,
  isEmpty,
  minimalPrefixes,
  subtract,
} from '../../contract/net/address-set.ts';
import { cidr, type Prefix, printCidr } from '../../contract/net/prefix.ts';
import { type Said, said, several } from '../../contract/said.ts';
import type { SplitTunnel } from '../../contract/snapshot.ts';
import type { PolicyNetwork } from './policy-state.ts';
import { refuseSplit } from './split-lists.ts';
import { splitWarnings } from './split-warnings.ts';

export interface SplitChange {
  before: SplitTunnel;
  after: SplitTunnel;
  /** Networks that devices of this profile may reach. */
  networks: readonly PolicyNetwork[];
  deviceCount: number;
}

/** Yields between its steps, each of which takes a while with ten thousand entries. */
export function* previewSplit(change: SplitChange): Generator<void, SplitPreview> {
  const { networks } = change;
  const before = pathsOf(splitPolicy({ splitTunnel: change.before, networks }));
  yield;
  const policy = splitPolicy({ splitTunnel: change.after, networks });
  yield;
  const after = pathsOf(policy);
  yield;
  // A list with an entry that is no domain can still be told about.
  const effects = effectsOf(change, before, after);
  yield;
  const warnings = splitWarnings(policy, change.after, networks);
  return {
    deviceCount: change.deviceCount,
    effects,
    warnings,
    refusal: refuseSplit(change.after),
  };
}

/** Every address that goes into the tunnel. */
function pathsOf(policy: SplitPolicy): AddressSet {
  return tunnelled(compileRoutes(policy));
}

function effectsOf(change: SplitChange, before: AddressSet, after: AddressSet): Said[] {
  const leaves = subtract(before, after);
  const comes = subtract(after, before);
  const effects = [
    ...defaultPath(change),
    ...networkEffects(leaves, change.networks, LEAVES),
    ...networkEffects(comes, change.networks, COMES),
    ...elsewhere(leaves, change.networks, (parts) => said('elsewhere-leaves', { parts })),
    ...elsewhere(comes, change.networks, (parts) => said('elsewhere-comes', { parts })),
    ...domainEffects(change),
  ];
  return effects.length > 0 ? effects : [said('nothing-changes')];
}

function defaultPath({ before, after }: SplitChange): Said[] {
  if (before.defaultPath === after.defaultPath) return [];
  return [said(after.defaultPath === 'tunnel' ? 'rest-to-tunnel' : 'rest-direct')];
}

interface Direction {
  whole: 'range-leaves' | 'range-comes';
  part: 'part-leaves' | 'part-comes';
}

const LEAVES: Direction = { whole: 'range-leaves', part: 'part-leaves' };
const COMES: Direction = { whole: 'range-comes', part: 'part-comes' };

function networkEffects(
  set: AddressSet,
  networks: readonly PolicyNetwork[],
  direction: Direction,
): Said[] {
  // Most edits concern few networks, and asking each costs a walk through the whole set.
  if (isEmpty(set)) return [];
  return networks.flatMap(({ name: network, ranges }) =>
    ranges.flatMap((range) => {
      const parts = minimalPrefixes(intersect(addressSet([cidr(range)]), set));
      if (parts.length === 0) return [];
      const isWhole = parts.length === 1 && printCidr(parts[0] as Prefix) === range;
      return [
        isWhole
          ? said(direction.whole, { range, network })
          : said(direction.part, { parts: printed(parts), range, network }),
      ];
    }),
  );
}

function elsewhere(
  set: AddressSet,
  networks: readonly PolicyNetwork[],
  say: (parts: ReturnType<typeof several>) => Said,
): Said[] {
  if (isEmpty(set)) return [];
  const ranges = addressSet(networks.flatMap((network) => network.ranges.map(cidr)));
  const rest = subtract(set, ranges);
  return isEmpty(rest) ? [] : [say(printed(minimalPrefixes(rest)))];
}

function printed(prefixes: readonly Prefix[]): ReturnType<typeof several> {
  return several(prefixes.map(printCidr));
}

const DOMAIN_SAYS = { include: 'domain-included', exclude: 'domain-excluded' } as const;

function domainEffects({ before, after }: SplitChange): Said[] {
  const was = domainLists(before);
  const is = domainLists(after);
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((domain) => {
    const list = is.get(domain);
    if (was.get(domain) === list) return [];
    return [said(list === undefined ? 'domain-unlisted' : DOMAIN_SAYS[list], { domain })];
  });
}

/** Exclude wins where both lists name a domain. */
function domainLists(split: SplitTunnel): Map<string, 'include' | 'exclude'> {
  const lists = new Map<string, 'include' | 'exclude'>();
  for (const entry of split.include)
    if ('domain' in entry) lists.set(entry.domain.toLowerCase(), 'include');
  for (const entry of split.exclude)
    if ('domain' in entry) lists.set(entry.domain.toLowerCase(), 'exclude');
  return lists;
}
