/** The same `decide` as on devices, put into a kind of sentence and what stands in it. */
import { decide } from '../../../contract/decide/decide.ts';
import { decideName } from '../../../contract/decide/domains.ts';
import type { SplitPolicy } from '../../../contract/decide/policy.ts';
import { parseAddress } from '../../../contract/net/address.ts';
import { readEntry } from './split-entry.ts';

export interface Trial {
  kind: 'include' | 'exclude' | 'network' | 'tunnel' | 'direct' | 'byAddress' | 'unreadable';
  parts: { what: string; entry?: string };
}

export function trialOf(typed: string, policy: SplitPolicy): Trial {
  const what = typed.trim().toLowerCase();
  const address = parseAddress(what);
  if (!address) return nameTrial(what, policy);
  const { because, path } = decide(address, policy);
  switch (because.kind) {
    case 'default':
      return { kind: path, parts: { what } };
    case 'network':
      return {
        kind: 'network',
        parts: { what, entry: because.networks.map(({ name }) => name).join(', ') },
      };
    case 'list':
      return { kind: because.list, parts: { what, entry: because.entry } };
    case 'domain':
      return { kind: because.list, parts: { what, entry: because.domain } };
  }
}

function nameTrial(what: string, policy: SplitPolicy): Trial {
  const entry = readEntry(what);
  if (!entry || !('domain' in entry) || entry.domain.startsWith('*'))
    return { kind: 'unreadable', parts: { what } };
  const found = decideName(what, policy.domains);
  if (!found) return { kind: 'byAddress', parts: { what } };
  return { kind: found.list, parts: { what, entry: found.domain } };
}
