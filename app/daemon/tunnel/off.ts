import { start } from './attempt.ts';
import {
  type Context,
  type Off,
  type Step,
  stay,
  type TunnelEvent,
  unreachable,
} from './tunnel-state.ts';

/** Nothing of ours is on the host. */
export function whileOff(state: Off, event: TunnelEvent, context: Context): Step {
  switch (event.kind) {
    case 'want-on':
      return start(context, 1);
    // Late results of effects that ran before the stop.
    case 'want-off':
    case 'config-changed':
    case 'network-changed':
    case 'engine-ready':
    case 'engine-failed':
    case 'engine-gone':
    case 'way-failed':
    case 'path':
    case 'network-applied':
    case 'network-refused':
    case 'stopped':
    case 'stop-failed':
    case 'tick':
      return stay(state);
    default:
      return unreachable(event);
  }
}
