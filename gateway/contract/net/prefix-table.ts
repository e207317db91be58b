/**
 * Longest-prefix match: one hash per prefix length, asked from the longest down. The cost of a look-up depends on how many
 * different lengths there are, never on how many entries.
 */
import type { Address } from './address.ts';
import type { Prefix } from './prefix.ts';
import { type Integer, type Space, V4, V6 } from './space.ts';

export interface Match<V> {
  prefix: Prefix;
  value: V;
}

export class PrefixTable<V> {
  readonly #v4 = new FamilyTable<number, V>(V4);
  readonly #v6 = new FamilyTable<bigint, V>(V6);

  get size(): number {
    return this.#v4.size + this.#v6.size;
  }

  set(prefix: Prefix, value: V): void {
    if (prefix.family === 4) this.#v4.set(prefix.first, prefix.length, { prefix, value });
    else this.#v6.set(prefix.first, prefix.length, { prefix, value });
  }

  /** The entry with exactly this prefix. */
  get(prefix: Prefix): V | undefined {
    return prefix.family === 4
      ? this.#v4.get(prefix.first, prefix.length)?.value
      : this.#v6.get(prefix.first, prefix.length)?.value;
  }

  /** The most specific entry that covers an address. */
  match(address: Address): Match<V> | undefined {
    return address.family === 4 ? this.#v4.match(address.value) : this.#v6.match(address.value);
  }

  /** The most specific entry that covers a prefix whole; `shorterOnly` leaves out an entry equal to it. */
  covering(prefix: Prefix, shorterOnly = false): Match<V> | undefined {
    const longest = shorterOnly ? prefix.length - 1 : prefix.length;
    return prefix.family === 4
      ? this.#v4.match(prefix.first, longest)
      : this.#v6.match(prefix.first, longest);
  }

  *entries(): Generator<Match<V>> {
    yield* this.#v4.entries();
    yield* this.#v6.entries();
  }
}

class FamilyTable<N extends Integer, V> {
  readonly #space: Space<N>;
  readonly #byLength = new Map<number, Map<N, Match<V>>>();
  /** Lengths in use, longest first. */
  #lengths: number[] = [];

  constructor(space: Space<N>) {
    this.#space = space;
  }

  get size(): number {
    return [...this.#byLength.values()].reduce((sum, entries) => sum + entries.size, 0);
  }

  set(first: N, length: number, entry: Match<V>): void {
    const entries = this.#byLength.get(length);
    if (entries) {
      entries.set(first, entry);
      return;
    }
    this.#byLength.set(length, new Map([[first, entry]]));
    this.#lengths = [...this.#byLength.keys()].sort((left, right) => right - left);
  }

  get(first: N, length: number): Match<V> | undefined {
    return this.#byLength.get(length)?.get(first);
  }

  match(address: N, longest = this.#space.bits): Match<V> | undefined {
    for (const length of this.#lengths) {
      if (length > longest) continue;
      const found = this.#byLength.get(length)?.get(this.#space.network(address, length));
      if (found) return found;
    }
    return undefined;
  }

  *entries(): Generator<Match<V>> {
    for (const length of this.#lengths) {
      for (const entry of this.#byLength.get(length)?.values() ?? []) yield entry;
    }
  }
}
