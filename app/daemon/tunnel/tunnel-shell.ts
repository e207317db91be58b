/** Runs the state machine: events in, effects out to the host one after another, time and the engine's counters watched. */
import { performance } from 'node:perf_hooks';
import type { Problem } from '../../contract/local-api.ts';
import { problemOf } from '../../contract/problem.ts';
import { afterFailedProtection, enqueue } from './effect-queue.ts';
import { firstStep, step } from './step.ts';
import type {
  Context,
  Effect,
  Path,
  Step,
  TunnelConfig,
  TunnelEvent,
  TunnelState,
  Way,
} from './tunnel-state.ts';

/** What the machine may do to the computer. Every call may be repeated; each throws a Fault where it cannot. */
export interface TunnelHost {
  protect(): Promise<void>;
  startEngine(): Promise<void>;
  point(way: Way, isFresh: boolean): Promise<void>;
  applyNetwork(): Promise<void>;
  pause(): Promise<void>;
  stop(): Promise<void>;
  /** Null: no engine runs. */
  path(): Promise<Path | null>;
}

export interface Clock {
  now(): number;
  uptime(): number;
}

export const SYSTEM_CLOCK: Clock = { now: Date.now, uptime: () => performance.now() };

export interface TunnelLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Whoever watches the engine tells of a handshake at once (`lookNow`); this is for what nobody tells. */
const JOINING_POLL_MS = 250;
const CALM_POLL_MS = 1000;
/** The wall clock and the monotonic one part when the computer slept or somebody set the time. */
const JUMP_MS = 3000;

export class TunnelShell {
  readonly #host: TunnelHost;
  readonly #clock: Clock;
  readonly #log: TunnelLog;
  readonly #onChange: (state: TunnelState) => void;
  #state: TunnelState = { kind: 'off' };
  #config: TunnelConfig | null = null;
  #waiting: readonly Effect[] = [];
  #running: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #drift: number;
  #isClosed = false;
  #lastPath: Path | null = null;

  constructor(
    host: TunnelHost,
    log: TunnelLog,
    onChange: (state: TunnelState) => void,
    clock = SYSTEM_CLOCK,
  ) {
    this.#host = host;
    this.#log = log;
    this.#onChange = onChange;
    this.#clock = clock;
    this.#drift = clock.now() - clock.uptime();
  }

  get state(): TunnelState {
    return this.#state;
  }

  /** Counters of the current way; null where nothing is known. */
  get path(): Path | null {
    return this.#lastPath;
  }

  /** Once, with what is wanted and the configuration that the last run left. */
  begin(wanted: 'on' | 'off', config: TunnelConfig | null): void {
    this.#config = config;
    this.#take(firstStep(wanted, this.#context()), 'begin');
    this.#schedule();
  }

  setConfig(config: TunnelConfig | null): void {
    this.#config = config;
    this.send({ kind: 'config-changed' });
  }

  send(event: TunnelEvent): void {
    if (!this.#isClosed) this.#take(step(this.#state, event, this.#context()), event.kind);
  }

  /** The engine has news, such as a handshake: not a moment's wait for the next look. */
  lookNow(): void {
    void this.#look();
  }

  /** Leaves the host as it is: a daemon that stops is not a user who switches off. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#waiting = [];
    await this.#running;
  }

  #take({ state, effects }: Step, because: string): void {
    const before = this.#state;
    this.#state = state;
    this.#waiting = enqueue(this.#waiting, effects);
    if (state !== before) this.#onChange(state);
    if (state.kind !== before.kind) {
      this.#log.info({ from: before.kind, to: state.kind, because }, 'tunnel');
      this.#schedule();
    }
    // With nothing waiting the run would end before it is noted, and would look like one that never ends.
    if (this.#running === null && this.#waiting.length > 0) this.#running = this.#runWaiting();
  }

  #context(): Context {
    return { now: this.#clock.now(), uptime: this.#clock.uptime(), config: this.#config };
  }

  async #runWaiting(): Promise<void> {
    for (;;) {
      const [effect, ...rest] = this.#waiting;
      if (effect === undefined) break;
      this.#waiting = rest;
      const result = await this.#run(effect);
      if (result) this.send(result);
    }
    this.#running = null;
  }

  async #run(effect: Effect): Promise<TunnelEvent | undefined> {
    const startedAt = this.#clock.uptime();
    try {
      const result = await this.#do(effect);
      const tookMs = Math.round(this.#clock.uptime() - startedAt);
      this.#log.debug({ effect: effect.do, tookMs }, 'tunnel effect');
      return result;
    } catch (cause) {
      const problem = problemOf(cause);
      this.#log.warn({ effect: effect.do, problem, cause }, 'tunnel effect failed');
      if (effect.do === 'protect') this.#waiting = afterFailedProtection(this.#waiting);
      return failureOf(effect, problem);
    }
  }

  async #do(effect: Effect): Promise<TunnelEvent | undefined> {
    switch (effect.do) {
      case 'protect':
        await this.#host.protect();
        return undefined;
      case 'start-engine':
        await this.#host.startEngine();
        return { kind: 'engine-ready' };
      case 'point':
        await this.#host.point(effect.way, effect.isFresh);
        // A session that lives already, in an engine that was adopted, is no news to anybody.
        this.lookNow();
        return undefined;
      case 'apply-network':
        await this.#host.applyNetwork();
        return { kind: 'network-applied' };
      case 'pause':
        await this.#host.pause();
        return undefined;
      case 'stop':
        await this.#host.stop();
        this.#lastPath = null;
        return { kind: 'stopped' };
    }
  }

  #schedule(): void {
    if (this.#timer) clearTimeout(this.#timer);
    const isJoining = this.#state.kind === 'starting' || this.#state.kind === 'reconnecting';
    this.#timer = setTimeout(() => void this.#pulse(), isJoining ? JOINING_POLL_MS : CALM_POLL_MS);
  }

  async #pulse(): Promise<void> {
    this.#noticeJump();
    await this.#look();
    this.send({ kind: 'tick' });
    if (!this.#isClosed) this.#schedule();
  }

  #noticeJump(): void {
    const drift = this.#clock.now() - this.#clock.uptime();
    if (Math.abs(drift - this.#drift) > JUMP_MS) this.send({ kind: 'network-changed' });
    this.#drift = drift;
  }

  async #look(): Promise<void> {
    if (this.#isClosed || !hasEngine(this.#state)) return;
    try {
      const path = await this.#host.path();
      // The state may have moved on while the engine was asked.
      if (!hasEngine(this.#state)) return;
      this.#lastPath = path;
      this.send(path ? { kind: 'path', path } : { kind: 'engine-gone' });
    } catch (cause) {
      this.#log.warn({ cause }, 'the engine could not be asked');
    }
  }
}

function hasEngine(state: TunnelState): boolean {
  if (state.kind === 'starting' || state.kind === 'reconnecting') return state.phase !== 'engine';
  return state.kind === 'on';
}

function failureOf(effect: Effect, problem: Problem): TunnelEvent | undefined {
  switch (effect.do) {
    case 'protect':
    case 'apply-network':
      return { kind: 'network-refused', problem };
    case 'start-engine':
      return { kind: 'engine-failed', problem };
    case 'point':
      return { kind: 'way-failed', problem };
    case 'stop':
      return { kind: 'stop-failed', problem };
    case 'pause':
      return undefined;
  }
}
