/** Work that would hold the event loop is done in slices, so that streams and other calls go on meanwhile. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Short beside a network's round trip, long beside what changing over costs. */
const SLICE_MS = 8;

/** `yield`s are where the work may be interrupted. */
export async function inSlices<T>(work: Generator<void, T>): Promise<T> {
  const breathe = breather();
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    await breathe();
  }
}

/** Awaited between pieces of work: lets others run once a slice is used up. */
export function breather(): () => Promise<void> {
  let startedAt = performance.now();
  return async () => {
    if (performance.now() - startedAt < SLICE_MS) return;
    await nextTurn();
    startedAt = performance.now();
  };
}
