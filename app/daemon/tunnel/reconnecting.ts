import {
  arrived,
  blockedStep,
  heardPath,
  overdue,
  restartEngine,
  retryLater,
  stop,
  tryWay,
  tryWithNewConfig,
} from './attempt.ts';
import {
  type Context,
  type Reconnecting,
  type Step,
  stay,
  type TunnelEvent,
  unreachable,
} from './tunnel-state.ts';

/** It was on and the way is lost. Protection and routes stay; nothing private leaves but through the tunnel. */
export function whileReconnecting(state: Reconnecting, event: TunnelEvent, context: Context): Step {
  switch (event.kind) {
    case 'want-off':
      return stop();
    case 'path':
      return heardPath(state, event.path, context);
    case 'network-applied':
      return state.phase === 'routes' ? arrived(state, context) : stay(state);
    case 'network-refused':
      return retryLater(event.problem, state.attempt, context);
    case 'network-changed':
      // The usual end of a lost path is a new one: ask at once, not at the next deadline.
      return state.phase === 'engine' ? stay(state) : tryWay(state, context, true);
    case 'engine-ready':
      return state.phase === 'engine' ? tryWay(state, context, true) : stay(state);
    case 'engine-gone':
      return state.phase === 'engine' ? stay(state) : restartEngine(state, context);
    case 'engine-failed':
      return retryLater(event.problem, state.attempt, context);
    case 'config-changed':
      return blockedStep(context) ?? tryWithNewConfig(state, context);
    case 'tick':
      return overdue(state, context);
    case 'way-failed':
    case 'want-on':
    case 'stopped':
    case 'stop-failed':
      return stay(state);
    default:
      return unreachable(event);
  }
}
