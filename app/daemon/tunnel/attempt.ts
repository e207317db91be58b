/** What starting and reconnecting share: one attempt after another, way by way, until one is through. */
import type { Problem } from '../../contract/local-api.ts';
import { problem } from '../../contract/problem.ts';
import { firstWatch } from './path-watch.ts';
import type {
  Attempt,
  Context,
  Effect,
  Path,
  Reconnecting,
  Retry,
  Starting,
  Step,
  Way,
} from './tunnel-state.ts';

type Joining = Starting | Reconnecting;

/** WireGuard retries a handshake every 5 s; two retries tell a slow link from a dead one. */
export const HANDSHAKE_PATIENCE_MS = 11_000;
/** Starting an engine loads a binary and makes a device; a busy laptop after resume may take seconds. */
const ENGINE_PATIENCE_MS = 15_000;
/** Ten thousand routes take under a second; what takes this long hangs. */
const ROUTES_PATIENCE_MS = 20_000;
/** WireGuard drops a session after this (REJECT_AFTER_TIME): an older handshake says nothing. */
const SESSION_LIFE_MS = 180_000;
const LONGEST_RETRY_MS = 30_000;

export function engineAttempt(way: number, uptime: number): Attempt {
  return {
    phase: 'engine',
    way,
    via: null,
    deadline: uptime + ENGINE_PATIENCE_MS,
    knownHandshakeAt: null,
  };
}

/** From `off`, `failed` and a finished `stopping`: the protection first, then the engine. */
export function start(context: Context, attempt: number): Step {
  if (context.config === null) return fail(problem('not-signed-in'), attempt);
  const { blocked, ways } = context.config;
  if (blocked) return fail(blocked, attempt, [{ do: 'protect' }]);
  if (ways.length === 0) return fail(problem('no-gateway'), attempt, [{ do: 'protect' }]);
  return {
    state: {
      kind: 'starting',
      since: context.now,
      attempt,
      problem: null,
      ...engineAttempt(0, context.uptime),
    },
    effects: [{ do: 'protect' }, { do: 'start-engine' }],
  };
}

/** The engine runs: try the current way. */
export function tryWay(state: Joining, context: Context, isFresh: boolean): Step {
  const way = wayOf(context, state.way);
  if (!way) return fail(problem('no-gateway'), state.attempt);
  const deadline = context.uptime + HANDSHAKE_PATIENCE_MS;
  return {
    state: { ...state, phase: 'handshake', via: way, deadline },
    effects: [{ do: 'point', way, isFresh }],
  };
}

/** A new configuration arrived: go on where the way that is being tried still exists, else begin with the best. */
export function tryWithNewConfig(state: Joining, context: Context): Step {
  const protect = { do: 'protect' } as const;
  if (state.phase === 'engine') return { state: { ...state, way: 0 }, effects: [protect] };
  const index = indexOf(context, state.via);
  if (index >= 0) {
    const routes = state.phase === 'routes' ? [{ do: 'apply-network' } as const] : [];
    return { state: { ...state, way: index }, effects: [protect, ...routes] };
  }
  const again = tryWay({ ...state, way: 0 }, context, true);
  return { state: again.state, effects: [protect, ...again.effects] };
}

export function indexOf(context: Context, way: Way | null): number {
  const ways = context.config?.ways ?? [];
  return ways.findIndex(
    (each) => each.publicKey === way?.publicKey && each.endpoint === way.endpoint,
  );
}

export function tryNextWay(state: Joining, context: Context): Step {
  const tried = state.via;
  const said =
    tried && problem('no-handshake', { gateway: tried.gatewayName, endpoint: tried.endpoint });
  // Reconnecting goes on saying since when the network is away: that is what people look for.
  const why = state.kind === 'starting' ? said : state.problem;
  return tryWay(
    { ...state, way: state.way + 1, attempt: state.attempt + 1, problem: why },
    context,
    true,
  );
}

/** The first handshake that this attempt brought about opens the way to the routes. */
export function heardPath(state: Joining, path: Path, context: Context): Step {
  if (state.phase !== 'handshake' || !isNewHandshake(state, path, context.now))
    return { state, effects: [] };
  const routes = { phase: 'routes', deadline: context.uptime + ROUTES_PATIENCE_MS } as const;
  return {
    state: { ...state, ...routes, knownHandshakeAt: path.lastHandshakeAt },
    effects: [{ do: 'apply-network' }],
  };
}

export function isNewHandshake(
  attempt: { knownHandshakeAt: number | null },
  path: Path,
  now: number,
): boolean {
  if (path.lastHandshakeAt === null || path.lastHandshakeAt === attempt.knownHandshakeAt)
    return false;
  // Both directions: a clock that was set back must not make an old session look new for ever.
  return Math.abs(now - path.lastHandshakeAt) < SESSION_LIFE_MS;
}

export function arrived(state: Joining, context: Context): Step {
  if (state.via === null) return { state, effects: [] };
  const path = { lastHandshakeAt: state.knownHandshakeAt, rxBytes: 0, txBytes: 0 };
  return {
    state: {
      kind: 'on',
      since: context.now,
      via: state.via,
      lastHandshakeAt: state.knownHandshakeAt,
      watch: firstWatch(path, context.uptime),
      handshakeDue: null,
    },
    effects: [],
  };
}

/** A phase took too long. */
export function overdue(state: Joining, context: Context): Step {
  if (context.uptime < state.deadline) return { state, effects: [] };
  if (state.phase === 'handshake') return tryNextWay(state, context);
  if (state.phase === 'routes') {
    return retryLater(
      problem('network-refused', { reason: 'it took too long' }),
      state.attempt,
      context,
    );
  }
  return retryLater(
    problem('engine-failed', { reason: 'it took too long' }),
    state.attempt,
    context,
  );
}

/** Once or twice at once, for people wait; an engine that goes on dying gets more and more time between. */
const QUICK_RESTARTS = 3;

export function restartEngine(state: Joining, context: Context): Step {
  const why = problem('engine-gone');
  if (state.attempt >= QUICK_RESTARTS) return retryLater(why, state.attempt, context);
  const attempt = engineAttempt(state.way, context.uptime);
  return {
    state: { ...state, ...attempt, attempt: state.attempt + 1, problem: why },
    effects: [{ do: 'start-engine' }],
  };
}

export function wayOf(context: Context, index: number): Way | undefined {
  const ways = context.config?.ways ?? [];
  return ways[index % Math.max(1, ways.length)];
}

export function stop(next: 'off' | 'start' = 'off'): Step {
  return { state: { kind: 'stopping', next }, effects: [{ do: 'stop' }] };
}

/** Waiting alone does not help; the protection stays as it is. */
export function fail(why: Problem, attempt: number, effects: readonly Effect[] = []): Step {
  return { state: { kind: 'failed', problem: why, retry: null, attempt }, effects };
}

export function retryLater(
  why: Problem,
  attempt: number,
  context: Context,
  what: Retry = 'start',
): Step {
  const wait = Math.min(LONGEST_RETRY_MS, 1000 * 2 ** Math.min(attempt - 1, 10));
  const retry = { at: context.uptime + wait, shownAt: context.now + wait, what };
  return { state: { kind: 'failed', problem: why, retry, attempt: attempt + 1 }, effects: [] };
}

/** The configuration may no longer connect: keep protecting, give the rest back. */
export function blockedStep(context: Context): Step | undefined {
  if (context.config === null) return fail(problem('not-signed-in'), 1, [{ do: 'pause' }]);
  const { blocked, ways } = context.config;
  const why = blocked ?? (ways.length === 0 ? problem('no-gateway') : null);
  return why ? fail(why, 1, [{ do: 'protect' }, { do: 'pause' }]) : undefined;
}
