/**
 * What was added to a list and what was taken out of it. Both are sorted in one way, so that a few entries of ten thousand that
 * differ lie between a beginning and an end that are equal, and only what lies between is looked at closely.
 */
export interface ListDifference {
  added: readonly string[];
  removed: readonly string[];
}

export function listDifference(
  before: readonly string[],
  after: readonly string[],
): ListDifference {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  let end = 0;
  while (end < most - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  const old = before.slice(start, before.length - end);
  const now = after.slice(start, after.length - end);
  return { added: without(now, old), removed: without(old, now) };
}

function without(list: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  return list.filter((one) => !known.has(one));
}
