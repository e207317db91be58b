/**
 * Effects run one after another. What waits is collapsed: ten configurations in a row become one change of the host, and
 * a stop makes everything before it pointless.
 */
import type { Effect } from './tunnel-state.ts';

export function enqueue(waiting: readonly Effect[], added: readonly Effect[]): readonly Effect[] {
  return added.reduce(collapse, waiting);
}

/** A start without its protection must not go on: only a stop still makes sense. */
export function afterFailedProtection(waiting: readonly Effect[]): readonly Effect[] {
  return waiting.filter((effect) => effect.do === 'stop');
}

function collapse(waiting: readonly Effect[], added: Effect): readonly Effect[] {
  switch (added.do) {
    case 'stop':
      return [added];
    case 'pause':
      return [
        ...waiting.filter((effect) => effect.do === 'protect' || effect.do === 'stop'),
        added,
      ];
    default:
      return [...waiting.filter((effect) => effect.do !== added.do), added];
  }
}
