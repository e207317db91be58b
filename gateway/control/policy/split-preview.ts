/** What saving other split-tunnel lists would do, in sentences, before anybody saves them. */
import type { SplitPreview } from '../../contract/admin-api.ts';
import { findHidden, type HiddenRange, withoutHidden } from '../../contract/decide/hidden.ts';
import { splitPolicy } from '../../contract/decide/policy.ts';
import {
  type AddressSet,
  addressSet,
  intersect,
  isEmpty,
  minimalPrefixes,
  subtract,
} from '../../contract/net/address-set.ts';
import {
  cidr,
  containsPrefix,
  type Prefix,
  parseCidr,
  printCidr,
} from '../../contract/net/prefix.ts';
import type { SplitEntry, SplitTunnel } from '../../contract/snapshot.ts';
import type { PolicyNetwork } from './policy-state.ts';
import { tunnelSet } from './tunnel-set.ts';

export const TUNNEL_REFUSAL =
  'The gateway cannot carry Internet traffic for devices yet, so the default path has to stay “direct”.';

export interface SplitChange {
  before: SplitTunnel;
  after: SplitTunnel;
  /** Networks that devices of this profile may reach. */
  networks: readonly PolicyNetwork[];
  deviceCount: number;
}

export function previewSplit(change: SplitChange): SplitPreview {
  const refusal = refuseSplit(change.after);
  return {
    deviceCount: change.deviceCount,
    // A list with an entry that is no domain can still be told about.
    effects: effectsOf(change),
    warnings: warningsOf(change),
    refusal,
  };
}

/** Why these lists cannot be saved; null when they can. */
export function refuseSplit(split: SplitTunnel): string | null {
  if (split.defaultPath === 'tunnel') return TUNNEL_REFUSAL;
  const bad = [...split.include, ...split.exclude].find(
    (entry) => 'domain' in entry && !isDomain(entry.domain),
  );
  if (bad && 'domain' in bad) {
    return `“${bad.domain}” is no domain. Write example.com for that name or *.example.com for all names below it.`;
  }
  return null;
}

/** One spelling for each entry: host bits masked, names in lower case without a trailing dot. */
export function canonicalSplit(split: SplitTunnel): SplitTunnel {
  return {
    ...split,
    include: split.include.map(canonicalEntry),
    exclude: split.exclude.map(canonicalEntry),
  };
}

function canonicalEntry(entry: SplitEntry): SplitEntry {
  if ('cidr' in entry) return { ...entry, cidr: printCidr(cidr(entry.cidr)) };
  return { ...entry, domain: entry.domain.toLowerCase().replace(/\.$/, '') };
}

/** RFC 1123 labels, optionally below a `*.`; a bare top-level name is allowed, for private zones have such. */
function isDomain(text: string): boolean {
  const name = text.replace(/^\*\./, '').replace(/\.$/, '');
  if (name.length === 0 || name.length > 253 || parseCidr(`${name}/32`)) return false;
  return name.split('.').every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label));
}

function effectsOf(change: SplitChange): string[] {
  const before = tunnelSet(splitPolicy({ splitTunnel: change.before, networks: change.networks }));
  const after = tunnelSet(splitPolicy({ splitTunnel: change.after, networks: change.networks }));
  const sentences = [
    ...defaultSentence(change),
    ...networkSentences(subtract(before, after), change.networks, 'stops going through'),
    ...networkSentences(subtract(after, before), change.networks, 'goes through'),
    ...elsewhere(subtract(before, after), change.networks, 'leaves the tunnel and goes direct.'),
    ...elsewhere(subtract(after, before), change.networks, 'goes into the tunnel.'),
    ...domainSentences(change),
  ];
  return sentences.length > 0
    ? sentences
    : ['Nothing changes: every destination goes where it went before.'];
}

function defaultSentence({ before, after }: SplitChange): string[] {
  if (before.defaultPath === after.defaultPath) return [];
  return [
    after.defaultPath === 'tunnel'
      ? 'Everything that no entry names goes into the tunnel.'
      : 'Everything that no entry names goes direct.',
  ];
}

function networkSentences(
  set: AddressSet,
  networks: readonly PolicyNetwork[],
  verb: string,
): string[] {
  return networks.flatMap((network) =>
    network.ranges.flatMap((text) => {
      const range = cidr(text);
      const part = minimalPrefixes(intersect(set, addressSet([range])));
      if (part.length === 0) return [];
      const isWhole = part.length === 1 && printCidr(part[0] as Prefix) === printCidr(range);
      return [
        isWhole
          ? `${text} ${verb} ${network.name}.`
          : `${listed(part)}, a part of ${text}, ${verb} ${network.name}.`,
      ];
    }),
  );
}

function elsewhere(set: AddressSet, networks: readonly PolicyNetwork[], verb: string): string[] {
  const ranges = addressSet(networks.flatMap(({ ranges }) => ranges.map(cidr)));
  const rest = subtract(set, ranges);
  return isEmpty(rest) ? [] : [`${listed(minimalPrefixes(rest))} ${verb}`];
}

const SHOWN = 3;

function listed(prefixes: readonly Prefix[]): string {
  const shown = prefixes.slice(0, SHOWN).map(printCidr).join(', ');
  return prefixes.length > SHOWN ? `${shown} and ${prefixes.length - SHOWN} more` : shown;
}

function domainSentences({ before, after }: SplitChange): string[] {
  const was = domainLists(before);
  const is = domainLists(after);
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((domain) => {
    const list = is.get(domain);
    if (was.get(domain) === list) return [];
    if (list === 'include') return [`Addresses of ${domain} go into the tunnel.`];
    if (list === 'exclude')
      return [`Addresses of ${domain} go direct, except those in a network’s range.`];
    return [`Addresses of ${domain} go where their addresses say, no longer by name.`];
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

type Warning = SplitPreview['warnings'][number];

function warningsOf({ after, networks }: SplitChange): Warning[] {
  const hidden = findHidden(splitPolicy({ splitTunnel: after, networks }));
  return [...hiddenWarnings(hidden, after), ...deadIncludes(after, networks)];
}

/** Each with its own fix as long as they can be read one by one: a fix is the lists whole, and they may be long. */
function hiddenWarnings(hidden: readonly HiddenRange[], split: SplitTunnel): Warning[] {
  const rest = hidden.slice(SHOWN);
  const warnings = hidden.slice(0, SHOWN).map((one) => hiddenWarning(one, split));
  if (rest.length === 0) return warnings;
  const sentence = `${rest.length} more exclude entries hide a range or a part of one: devices do not reach those addresses.`;
  const fix = withoutHidden(split, hidden);
  return [...warnings, { sentence, fix, fixLabel: `Remove all ${hidden.length}` }];
}

function hiddenWarning(hidden: HiddenRange, split: SplitTunnel): Warning {
  const what = hidden.whole ? `hides ${hidden.range} of` : `hides a part of ${hidden.range} of`;
  return {
    sentence: `The exclude entry ${hidden.entry} ${what} ${hidden.network.name}: devices do not reach it.`,
    fix: withoutHidden(split, [hidden]),
    fixLabel: `Remove ${hidden.entry}`,
  };
}

/** The gateway forwards to networks only, so an include entry elsewhere ends in a refusal at the gateway. */
function deadIncludes(split: SplitTunnel, networks: readonly PolicyNetwork[]): Warning[] {
  const ranges = networks.flatMap((network) => network.ranges.map(cidr));
  const dead = new Map<string, Prefix>();
  for (const entry of split.include) {
    if (!('cidr' in entry)) continue;
    const prefix = cidr(entry.cidr);
    const isReached = ranges.some(
      (range) => containsPrefix(range, prefix) || containsPrefix(prefix, range),
    );
    if (!isReached) dead.set(entry.cidr, prefix);
  }
  return dead.size === 0 ? [] : [deadWarning(dead, split)];
}

/** One for all of them: their fix is the same, and a pasted list may hold thousands. */
function deadWarning(dead: ReadonlyMap<string, Prefix>, split: SplitTunnel): Warning {
  const [first = ''] = dead.keys();
  const isOne = dead.size === 1;
  const who = isOne
    ? `The include entry ${first} lies`
    : `The include entries ${listed([...dead.values()])} lie`;
  return {
    sentence: `${who} in no network that these devices may reach: the gateway refuses what goes there.`,
    fix: {
      ...split,
      include: split.include.filter((entry) => !('cidr' in entry && dead.has(entry.cidr))),
    },
    fixLabel: isOne ? `Remove ${first}` : `Remove these ${dead.size}`,
  };
}
