/** A set of addresses of both families, as the fewest intervals; in and out as prefixes. */
import type { Address } from './address.ts';
import type { Interval, Intervals } from './intervals.ts';
import * as intervals from './intervals.ts';
import type { Prefix } from './prefix.ts';
import { V4, V6 } from './space.ts';

export interface AddressSet {
  v4: Intervals<number>;
  v6: Intervals<bigint>;
}

export const NO_ADDRESS: AddressSet = { v4: [], v6: [] };

export function addressSet(prefixes: Iterable<Prefix>): AddressSet {
  const v4: Interval<number>[] = [];
  const v6: Interval<bigint>[] = [];
  for (const prefix of prefixes) {
    if (prefix.family === 4) {
      v4.push({ first: prefix.first, last: V4.broadcast(prefix.first, prefix.length) });
    } else {
      v6.push({ first: prefix.first, last: V6.broadcast(prefix.first, prefix.length) });
    }
  }
  return { v4: intervals.normalise(V4, v4), v6: intervals.normalise(V6, v6) };
}

/** Sorted, IPv4 first: the shortest list of CIDRs that is exactly this set. */
export function minimalPrefixes(set: AddressSet): Prefix[] {
  const prefixes: Prefix[] = [];
  for (const block of intervals.blocks(V4, set.v4)) prefixes.push({ family: 4, ...block });
  for (const block of intervals.blocks(V6, set.v6)) prefixes.push({ family: 6, ...block });
  return prefixes;
}

/** The same addresses in fewer CIDRs. */
export function mergePrefixes(prefixes: Iterable<Prefix>): Prefix[] {
  return minimalPrefixes(addressSet(prefixes));
}

export function union(left: AddressSet, right: AddressSet): AddressSet {
  return {
    v4: intervals.normalise(V4, [...left.v4, ...right.v4]),
    v6: intervals.normalise(V6, [...left.v6, ...right.v6]),
  };
}

export function subtract(from: AddressSet, what: AddressSet): AddressSet {
  return {
    v4: intervals.subtract(V4, from.v4, what.v4),
    v6: intervals.subtract(V6, from.v6, what.v6),
  };
}

export function complement(of: AddressSet): AddressSet {
  return { v4: intervals.complement(V4, of.v4), v6: intervals.complement(V6, of.v6) };
}

export function intersect(left: AddressSet, right: AddressSet): AddressSet {
  return subtract(left, complement(right));
}

export function hasAddress(set: AddressSet, address: Address): boolean {
  return address.family === 4
    ? intervals.has(set.v4, address.value)
    : intervals.has(set.v6, address.value);
}

export function isEmpty(set: AddressSet): boolean {
  return set.v4.length === 0 && set.v6.length === 0;
}

export function sameSet(left: AddressSet, right: AddressSet): boolean {
  return isEmpty(subtract(left, right)) && isEmpty(subtract(right, left));
}
