import { problem } from '../../contract/problem.ts';
import {
  blockedStep,
  engineAttempt,
  HANDSHAKE_PATIENCE_MS,
  indexOf,
  retryLater,
  stop,
  tryNextWay,
  tryWay,
} from './attempt.ts';
import { isSilent, watchPath } from './path-watch.ts';
import {
  type Context,
  type On,
  type Path,
  type Reconnecting,
  type Step,
  stay,
  type TunnelEvent,
  unreachable,
} from './tunnel-state.ts';

/** Private traffic flows. */
export function whileOn(state: On, event: TunnelEvent, context: Context): Step {
  switch (event.kind) {
    case 'want-off':
      return stop();
    case 'path':
      return heardPath(state, event.path, context);
    case 'config-changed':
      return blockedStep(context) ?? withNewConfig(state, context);
    case 'network-changed':
      return roam(state, context);
    case 'engine-gone':
    case 'engine-failed':
      return loseEngine(state, context);
    case 'network-refused':
      return retryLater(event.problem, 1, context);
    case 'tick':
      return isLost(state, context) ? losePath(state, context) : stay(state);
    case 'way-failed':
    case 'want-on':
    case 'engine-ready':
    case 'network-applied':
    case 'stopped':
    case 'stop-failed':
      return stay(state);
    default:
      return unreachable(event);
  }
}

function heardPath(state: On, path: Path, context: Context): Step {
  const { lastHandshakeAt } = path;
  const keepalive = context.config?.keepaliveSeconds ?? 0;
  const watch = watchPath(state.watch, path, keepalive, context.uptime);
  const handshakeDue = lastHandshakeAt === state.lastHandshakeAt ? state.handshakeDue : null;
  return stay({ ...state, lastHandshakeAt, watch, handshakeDue });
}

/** Another address, another Wi-Fi, back from sleep: say hello from there at once, the session roams. */
function roam(state: On, context: Context): Step {
  return {
    state: { ...state, handshakeDue: context.uptime + HANDSHAKE_PATIENCE_MS },
    effects: [{ do: 'apply-network' }, { do: 'point', way: state.via, isFresh: true }],
  };
}

function isLost(state: On, context: Context): boolean {
  const isLate = state.handshakeDue !== null && context.uptime >= state.handshakeDue;
  return isLate || isSilent(state.watch, context.uptime);
}

/** WireGuard has tried this way by itself long enough; the next one is the better bet. */
function losePath(state: On, context: Context): Step {
  return tryNextWay(reconnecting(state, context), context);
}

/** Its interface went with it, and so did the routes into it: what is private is unreachable until it is back. */
function loseEngine(state: On, context: Context): Step {
  const attempt = engineAttempt(Math.max(0, indexOf(context, state.via)), context.uptime);
  return {
    state: { ...reconnecting(state, context), ...attempt, problem: problem('engine-gone') },
    effects: [{ do: 'start-engine' }],
  };
}

/**
 * The plan is applied whole, protection first, so one effect serves however much changed. A protection on its own before it
 * would refuse what is on its way through a wider range that goes.
 */
function withNewConfig(state: On, context: Context): Step {
  const refresh = [{ do: 'apply-network' }] as const;
  if (indexOf(context, state.via) >= 0) return { state, effects: refresh };
  const moved = tryWay({ ...reconnecting(state, context), way: 0, problem: null }, context, true);
  return { state: moved.state, effects: [...refresh, ...moved.effects] };
}

function reconnecting(state: On, context: Context): Reconnecting {
  return {
    kind: 'reconnecting',
    since: context.now,
    attempt: 1,
    problem: problem('path-lost', { lostAt: context.now }),
    phase: 'handshake',
    way: Math.max(0, indexOf(context, state.via)),
    via: state.via,
    deadline: context.uptime,
    knownHandshakeAt: state.lastHandshakeAt,
  };
}
