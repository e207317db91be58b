/** When to try again: full jitter, so that ten thousand devices do not come back in the same second (R15). */

const FIRST_MS = 1000;
const LONGEST_MS = 30_000;

export function backoff(attempt: number, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10)));
}
