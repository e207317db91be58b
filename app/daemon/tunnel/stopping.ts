import { retryLater, start } from './attempt.ts';
import {
  type Context,
  type Step,
  type Stopping,
  stay,
  type TunnelEvent,
  unreachable,
} from './tunnel-state.ts';

/** Everything of ours is being taken off the host, the protection last. */
export function whileStopping(state: Stopping, event: TunnelEvent, context: Context): Step {
  switch (event.kind) {
    case 'stopped':
      return state.next === 'start' ? start(context, 1) : stay({ kind: 'off' });
    case 'stop-failed':
      // A stop that did not finish is finished first, whatever is wanted next.
      return retryLater(event.problem, 1, context, state.next === 'start' ? 'restart' : 'stop');
    case 'want-on':
      return stay({ ...state, next: 'start' });
    case 'want-off':
      return stay({ ...state, next: 'off' });
    case 'config-changed':
    case 'network-changed':
    case 'engine-ready':
    case 'engine-failed':
    case 'engine-gone':
    case 'way-failed':
    case 'path':
    case 'network-applied':
    case 'network-refused':
    case 'tick':
      return stay(state);
    default:
      return unreachable(event);
  }
}
