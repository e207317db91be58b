/** What is wrong with lists that can be saved all the same, each with the entries that one takes out to mend it. */
import type { SplitPreview } from '../../contract/admin-api.ts';
import { findHidden, type HiddenRange } from '../../contract/decide/hidden.ts';
import type { SplitPolicy } from '../../contract/decide/policy.ts';
import { cidr, prefixesOverlap } from '../../contract/net/prefix.ts';
import { said, several } from '../../contract/said.ts';
import type { SplitTunnel } from '../../contract/snapshot.ts';
import type { PolicyNetwork } from './policy-state.ts';

type Warning = SplitPreview['warnings'][number];

/** `policy`: the lists and the networks, compiled. */
export function splitWarnings(
  policy: SplitPolicy,
  split: SplitTunnel,
  networks: readonly PolicyNetwork[],
): Warning[] {
  return [...hiddenWarnings(findHidden(policy)), ...deadIncludes(policy, split, networks)];
}

const SHOWN = 3;

/** Each with its own fix as long as they can be read one by one. */
function hiddenWarnings(hidden: readonly HiddenRange[]): Warning[] {
  const rest = hidden.length - SHOWN;
  const warnings = hidden.slice(0, SHOWN).map(hiddenWarning);
  if (rest <= 0) return warnings;
  const entries = [...new Set(hidden.map(({ entry }) => entry))];
  const label = said('fix-remove-all', { count: entries.length });
  const fix = { label, list: 'exclude' as const, entries };
  return [...warnings, { says: said('excludes-hide-more', { count: rest }), fix }];
}

function hiddenWarning({ entry, range, network, whole }: HiddenRange): Warning {
  const detail = { entry, range, network: network.name };
  return {
    says: whole ? said('exclude-hides', detail) : said('exclude-hides-part', detail),
    fix: { label: said('fix-remove', { entry }), list: 'exclude', entries: [entry] },
  };
}

/** The gateway forwards to networks only, so an include entry elsewhere ends in a refusal at the gateway. */
function deadIncludes(
  { ranges }: SplitPolicy,
  { include }: SplitTunnel,
  networks: readonly PolicyNetwork[],
): Warning[] {
  const all = networks.flatMap((network) => network.ranges.map(cidr));
  const isDead = (text: string): boolean => {
    const prefix = cidr(text);
    // An entry around a range is rare and costs a look at each range; one inside is found at once.
    return !ranges.covering(prefix) && !all.some((range) => prefixesOverlap(prefix, range));
  };
  const entries = include.flatMap((entry) => ('cidr' in entry ? [entry.cidr] : []));
  const dead = [...new Set(entries)].filter(isDead);
  return dead.length === 0 ? [] : [deadWarning(dead)];
}

/** One for all of them: their fix is the same, and a pasted list may hold thousands. */
function deadWarning(entries: string[]): Warning {
  const [first = ''] = entries;
  const list = 'include' as const;
  if (entries.length === 1) {
    const label = said('fix-remove', { entry: first });
    return { says: said('include-dead', { entry: first }), fix: { label, list, entries } };
  }
  const label = said('fix-remove-these', { count: entries.length });
  return {
    says: said('includes-dead', { entries: several(entries) }),
    fix: { label, list, entries },
  };
}
