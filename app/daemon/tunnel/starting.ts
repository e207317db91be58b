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
  type Starting,
  type Step,
  stay,
  type TunnelEvent,
  unreachable,
} from './tunnel-state.ts';

/** The protection is up. The engine starts, then a gateway is asked for a handshake, then the routes come. */
export function whileStarting(state: Starting, event: TunnelEvent, context: Context): Step {
  switch (event.kind) {
    case 'want-off':
      return stop();
    case 'engine-ready':
      // An adopted engine may hold a live session already: not fresh, so that it is kept.
      return state.phase === 'engine' ? tryWay(state, context, false) : stay(state);
    case 'engine-failed':
      return retryLater(event.problem, state.attempt, context);
    case 'engine-gone':
      return state.phase === 'engine' ? stay(state) : restartEngine(state, context);
    case 'way-failed':
      return stay({ ...state, problem: event.problem });
    case 'path':
      return heardPath(state, event.path, context);
    case 'network-applied':
      return state.phase === 'routes' ? arrived(state, context) : stay(state);
    case 'network-refused':
      return retryLater(event.problem, state.attempt, context);
    case 'config-changed':
      return blockedStep(context) ?? tryWithNewConfig(state, context);
    case 'network-changed':
      return state.phase === 'handshake' ? tryWay(state, context, true) : stay(state);
    case 'tick':
      return overdue(state, context);
    case 'want-on':
    case 'stopped':
    case 'stop-failed':
      return stay(state);
    default:
      return unreachable(event);
  }
}
