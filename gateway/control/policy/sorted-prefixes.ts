/** Many prefixes with something each, in order, so that those inside another one are found without looking at the rest. */
import { comparePrefixes, containsPrefix, type Prefix } from '../../contract/net/prefix.ts';

export interface Placed {
  prefix: Prefix;
}

export class SortedPrefixes<T extends Placed> {
  readonly #sorted: readonly T[];

  constructor(all: readonly T[]) {
    this.#sorted = all.toSorted((left, right) => comparePrefixes(left.prefix, right.prefix));
  }

  /** Equal ones too. */
  within(outer: Prefix): T[] {
    const found: T[] = [];
    // What begins where `outer` does but is wider comes before it, so all inside stand together from here on.
    for (let at = this.#firstNotBefore(outer); at < this.#sorted.length; at += 1) {
      const one = this.#sorted[at];
      if (!one || !containsPrefix(outer, one.prefix)) break;
      found.push(one);
    }
    return found;
  }

  #firstNotBefore(prefix: Prefix): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const one = this.#sorted[middle];
      if (one && comparePrefixes(one.prefix, prefix) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
