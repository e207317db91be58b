import { start, stop } from './attempt.ts';
import {
  type Context,
  type Failed,
  type Step,
  stay,
  type TunnelEvent,
  unreachable,
} from './tunnel-state.ts';

/** It does not work, and the reason is known. The protection stays until somebody switches off. */
export function whileFailed(state: Failed, event: TunnelEvent, context: Context): Step {
  switch (event.kind) {
    case 'want-off':
      return stop();
    case 'want-on':
      return isStopUnfinished(state) ? stop('start') : start(context, state.attempt);
    case 'config-changed':
    case 'network-changed':
      // Both may have removed the reason. An unfinished stop has another kind of reason.
      return isStopUnfinished(state) ? stay(state) : start(context, state.attempt);
    case 'tick':
      return retryIfDue(state, context);
    case 'engine-ready':
    case 'engine-failed':
    case 'engine-gone':
    case 'way-failed':
    case 'path':
    case 'network-applied':
    case 'network-refused':
    case 'stopped':
    case 'stop-failed':
      return stay(state);
    default:
      return unreachable(event);
  }
}

function retryIfDue(state: Failed, context: Context): Step {
  if (state.retry === null || context.uptime < state.retry.at) return stay(state);
  switch (state.retry.what) {
    case 'start':
      return start(context, state.attempt);
    case 'stop':
      return stop();
    case 'restart':
      return stop('start');
  }
}

function isStopUnfinished(state: Failed): boolean {
  return state.retry !== null && state.retry.what !== 'start';
}
