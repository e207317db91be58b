/** Objects that were there before, in place of new ones that say the same: then `===` tells whether something changed. */

export function reused<T extends object>(now: T, before: T | undefined): T {
  return before && isSame(now, before) ? before : now;
}

/** By id. The very list of before where nothing in it changed, not even its order. */
export function reusedList<T extends { id: string }>(
  now: readonly T[],
  before: readonly T[],
): readonly T[] {
  const known = new Map(before.map((one) => [one.id, one]));
  const list = now.map((one) => reused(one, known.get(one.id)));
  return list.length === before.length && list.every((one, at) => one === before[at])
    ? before
    : list;
}

export function reusedMap<T extends object>(
  now: ReadonlyMap<string, T>,
  before: ReadonlyMap<string, T>,
): ReadonlyMap<string, T> {
  const map = new Map([...now].map(([id, one]) => [id, reused(one, before.get(id))]));
  return map.size === before.size && [...map].every(([id, one]) => one === before.get(id))
    ? before
    : map;
}

/** Plain values of rows: what is read from one column is shared or small. */
function isSame(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || !left || !right) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => isSame(left[key as keyof typeof left], right[key as keyof typeof right]))
  );
}
