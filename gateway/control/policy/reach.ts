/**
 * Which networks whom the rules let reach something in. Rules are read once for everybody, and all whom the same rules are about
 * share one answer: an organisation has many devices and few kinds of them.
 */
import type { Rule } from '../../contract/admin-api.ts';
import { cidr, type Prefix, prefixesOverlap } from '../../contract/net/prefix.ts';
import type { PolicyNetwork, PolicyState } from './policy-state.ts';
import { liveRules, subjectText } from './rules.ts';

/** A rule with what is asked of it again and again. */
interface ReadRule {
  rule: Rule;
  prefixes: readonly Prefix[];
  networks: readonly PolicyNetwork[];
}

export class Reach {
  readonly #networks: readonly PolicyNetwork[];
  readonly #rules: readonly ReadRule[];
  /** Positions of rules, in order. */
  readonly #bySubject = new Map<string, number[]>();
  /** By the subjects that some rule names: few kinds of them, for most rules name groups. */
  readonly #keys = new Map<string, string>();
  readonly #byKey = new Map<string, readonly PolicyNetwork[]>();

  constructor(state: Pick<PolicyState, 'networks' | 'rules'>) {
    this.#networks = state.networks;
    const byId = new Map(state.networks.map((network) => [network.id, network]));
    this.#rules = liveRules(state).map((rule) => ({
      rule,
      prefixes: rule.ranges.map(cidr),
      networks:
        rule.networkIds.length === 0
          ? state.networks
          : rule.networkIds.flatMap((id) => byId.get(id) ?? []),
    }));
    for (const [at, { rule }] of this.#rules.entries()) {
      for (const name of new Set(rule.subjects.map(subjectText))) this.#add(name, at);
    }
  }

  /** The same for all whom the same rules are about. */
  keyOf(subjects: readonly string[]): string {
    const named = subjects.filter((name) => this.#bySubject.has(name));
    const text = named.join('\n');
    const known = this.#keys.get(text);
    if (known !== undefined) return known;
    const positions = new Set(named.flatMap((name) => this.#bySubject.get(name) ?? []));
    const key = [...positions].sort((left, right) => left - right).join(' ');
    this.#keys.set(text, key);
    return key;
  }

  /** In the order of the state; the same array for the same key. */
  networksOf(key: string): readonly PolicyNetwork[] {
    const known = this.#byKey.get(key);
    if (known) return known;
    const open = this.#open(key === '' ? [] : key.split(' ').map(Number));
    const networks = this.#networks.filter((network) => open.has(network));
    this.#byKey.set(key, networks);
    return networks;
  }

  #add(name: string, at: number): void {
    const known = this.#bySubject.get(name);
    if (known) known.push(at);
    else this.#bySubject.set(name, [at]);
  }

  /** A block of everything ends the walk: no later rule can open this network. */
  #open(positions: readonly number[]): ReadonlySet<PolicyNetwork> {
    const open = new Set<PolicyNetwork>();
    const closed = new Set<PolicyNetwork>();
    for (const at of positions) {
      const read = this.#rules[at];
      for (const network of read?.networks ?? []) {
        if (!read || open.has(network) || closed.has(network) || !concerns(read, network)) continue;
        if (read.rule.action === 'allow') open.add(network);
        else if (isTotal(read.rule)) closed.add(network);
      }
    }
    return open;
  }
}

function concerns({ prefixes }: ReadRule, network: PolicyNetwork): boolean {
  if (prefixes.length === 0) return true;
  const own = network.ranges.map(cidr);
  return prefixes.some((prefix) => own.some((range) => prefixesOverlap(prefix, range)));
}

function isTotal(rule: Rule): boolean {
  return rule.ranges.length === 0 && rule.protocol === 'any' && rule.ports.length === 0;
}
