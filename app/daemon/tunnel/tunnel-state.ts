/**
 * The tunnel's state machine. What the user wants and what is are two things: `wanted` is kept by the store, this is
 * what is. Stepping is pure; effects are run by tunnel-shell.ts, which feeds their results back as events.
 *
 *            want-on              engine, handshake, routes
 *     off ───────────▶ starting ─────────────────────────────▶ on
 *      ▲                │    ▲                                 │  ▲
 *      │ stopped        │    │ retry                   silence │  │ handshake again
 *      │                ▼    │                                 ▼  │
 *   stopping ◀─────── failed ◀──────────────────────────── reconnecting
 *      ▲     want-off from any state
 *
 * Protection (the firewall set, the rule, the unreachable routes) is put up by the first effect of a start and goes only
 * with `stop`, which only `want-off` leads to. No failure takes it away.
 */
import type { Problem } from '../../contract/local-api.ts';

/** Unix time, for what people see. It may jump. */
export type UnixMs = number;
/** Monotonic time, for deadlines. It never jumps. */
export type UptimeMs = number;

/** One gateway at one endpoint; the order of the configuration is the order of preference. */
export interface Way {
  gatewayId: string;
  gatewayName: string;
  publicKey: string;
  endpoint: string;
}

/** What the machine needs to know of a configuration; the effects get the rest from whoever wires them. */
export interface TunnelConfig {
  ways: readonly Way[];
  keepaliveSeconds: number;
  /** Why this configuration may protect but not connect: the session ended, a default path that nobody carries. */
  blocked: Problem | null;
}

export interface Context {
  now: UnixMs;
  uptime: UptimeMs;
  config: TunnelConfig | null;
}

/** What the engine says of the current way. */
export interface Path {
  lastHandshakeAt: UnixMs | null;
  /** Shown to people; decides nothing. */
  rttMs?: number | null;
  rxBytes: number;
  txBytes: number;
}

/** One try to reach a gateway: the engine runs, then a handshake is done, then the routes are there. */
export interface Attempt {
  phase: 'engine' | 'handshake' | 'routes';
  /** Index into the configuration's ways, modulo their number. */
  way: number;
  /** What was asked; null before the engine is ready. */
  via: Way | null;
  deadline: UptimeMs;
  /** The handshake that was there before this attempt does not count as its success. */
  knownHandshakeAt: UnixMs | null;
}

export interface Off {
  kind: 'off';
}

export interface Starting extends Attempt {
  kind: 'starting';
  since: UnixMs;
  /** 1 for the first. */
  attempt: number;
  problem: Problem | null;
}

export interface On {
  kind: 'on';
  since: UnixMs;
  via: Way;
  lastHandshakeAt: UnixMs | null;
  watch: Watch;
  /** After a change of network, a new handshake has to come before this. */
  handshakeDue: UptimeMs | null;
}

export interface Reconnecting extends Attempt {
  kind: 'reconnecting';
  since: UnixMs;
  attempt: number;
  problem: Problem | null;
}

export interface Stopping {
  kind: 'stopping';
  next: 'off' | 'start';
}

export interface Failed {
  kind: 'failed';
  problem: Problem;
  /** Null: only a new configuration, a change of network or a person helps. */
  retry: { at: UptimeMs; shownAt: UnixMs; what: Retry } | null;
  attempt: number;
}

/** `restart`: a stop has to be finished, and then a start is wanted. */
export type Retry = 'start' | 'stop' | 'restart';

export type TunnelState = Off | Starting | On | Reconnecting | Stopping | Failed;

export type TunnelEvent =
  | { kind: 'want-on' }
  | { kind: 'want-off' }
  /** `context.config` is another one, or the preferences are. */
  | { kind: 'config-changed' }
  | { kind: 'network-changed' }
  | { kind: 'engine-ready' }
  | { kind: 'engine-failed'; problem: Problem }
  | { kind: 'engine-gone' }
  | { kind: 'way-failed'; problem: Problem }
  | { kind: 'path'; path: Path }
  | { kind: 'network-applied' }
  | { kind: 'network-refused'; problem: Problem }
  | { kind: 'stopped' }
  | { kind: 'stop-failed'; problem: Problem }
  | { kind: 'tick' };

export type Effect =
  /** Put the protection up, or replace it whole. Done before anything else that a start does. */
  | { do: 'protect' }
  /** Adopt the engine that runs, or start one → engine-ready, engine-failed. */
  | { do: 'start-engine' }
  /** Make this way the peer; `isFresh` asks for a new handshake even where a session lives → way-failed. */
  | { do: 'point'; way: Way; isFresh: boolean }
  /** Routes and everything else of the plan, whole → network-applied, network-refused. */
  | { do: 'apply-network' }
  /** Take everything back but the protection. */
  | { do: 'pause' }
  /** Take everything back → stopped, stop-failed. */
  | { do: 'stop' };

export interface Step {
  state: TunnelState;
  effects: readonly Effect[];
}

/** Bytes both ways, to tell a quiet peer from a lost one. */
export interface Watch {
  rxBytes: number;
  /** txBytes when rxBytes last grew, and when that was. */
  txBytes: number;
  at: UptimeMs;
  /** Since when something waits for an answer. */
  unansweredSince: UptimeMs | null;
}

export function stay(state: TunnelState): Step {
  return { state, effects: [] };
}

export function unreachable(event: never): never {
  throw new Error(`no state handles ${JSON.stringify(event)}`);
}
