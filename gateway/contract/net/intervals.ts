/**
 * Set algebra of one family: sorted, disjoint intervals that do not touch. Each operation is one pass, so that 10,000
 * entries cost what their sorting costs.
 */
import type { Integer, Space } from './space.ts';

/** Both ends belong to it. */
export interface Interval<N extends Integer> {
  first: N;
  last: N;
}

export type Intervals<N extends Integer> = readonly Interval<N>[];

/** From any intervals, in any order. */
export function normalise<N extends Integer>(space: Space<N>, loose: Intervals<N>): Interval<N>[] {
  const merged: Interval<N>[] = [];
  for (const { first, last } of loose.toSorted(byFirst)) {
    const before = merged.at(-1);
    if (before && (before.last === space.last || first <= space.next(before.last))) {
      if (last > before.last) before.last = last;
    } else {
      merged.push({ first, last });
    }
  }
  return merged;
}

export function subtract<N extends Integer>(
  space: Space<N>,
  from: Intervals<N>,
  what: Intervals<N>,
): Interval<N>[] {
  const rest: Interval<N>[] = [];
  let at = 0;
  for (const interval of from) {
    while ((what[at]?.last ?? space.last) < interval.first) at++;
    at = carve(space, interval, what, at, rest);
  }
  return rest;
}

/** Pushes what is left of one interval; answers where to go on, for the last hole may reach into the next interval. */
function carve<N extends Integer>(
  space: Space<N>,
  interval: Interval<N>,
  holes: Intervals<N>,
  start: number,
  rest: Interval<N>[],
): number {
  let { first } = interval;
  let at = start;
  for (let hole = holes[at]; hole && hole.first <= interval.last; hole = holes[++at]) {
    if (hole.first > first) rest.push({ first, last: space.previous(hole.first) });
    if (hole.last >= interval.last) return at;
    first = space.next(hole.last);
  }
  rest.push({ first, last: interval.last });
  return at;
}

export function complement<N extends Integer>(space: Space<N>, of: Intervals<N>): Interval<N>[] {
  return subtract(space, [{ first: space.first, last: space.last }], of);
}

export function has<N extends Integer>(intervals: Intervals<N>, address: N): boolean {
  let low = 0;
  let high = intervals.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const interval = intervals[middle];
    if (!interval) return false;
    if (address < interval.first) high = middle - 1;
    else if (address > interval.last) low = middle + 1;
    else return true;
  }
  return false;
}

/** The fewest prefixes that make up exactly these intervals. */
export function* blocks<N extends Integer>(
  space: Space<N>,
  intervals: Intervals<N>,
): Generator<{ first: N; length: number }> {
  for (const { first: start, last } of intervals) {
    let first = start;
    for (;;) {
      const length = largestBlock(space, first, last);
      yield { first, length };
      const end = space.broadcast(first, length);
      if (end >= last) break;
      first = space.next(end);
    }
  }
}

/** Shortest prefix length that starts here, is aligned, and does not pass the end. */
function largestBlock<N extends Integer>(space: Space<N>, first: N, last: N): number {
  let length = space.bits;
  while (
    length > 0 &&
    space.network(first, length - 1) === first &&
    space.broadcast(first, length - 1) <= last
  ) {
    length--;
  }
  return length;
}

function byFirst<N extends Integer>(left: Interval<N>, right: Interval<N>): number {
  return left.first < right.first ? -1 : left.first > right.first ? 1 : 0;
}
