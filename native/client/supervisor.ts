/**
 * Keeps one engine running and configured. The engine is a process of its own that outlives this one: at the start a
 * running engine is adopted, and only what differs is configured again. When it goes, it is started anew.
 */
import { type Backoff, backoffMs, pause } from './backoff.ts';
import { EngineGone, EngineRefusal, EngineSilent } from './connection.ts';
import { configHash, type Engine, type EngineConfig } from './engine.ts';
import {
  type EngineProcess,
  openIfThere,
  startEngine,
  untilGone,
  withLastWords,
} from './engine-process.ts';
import { endHungEngine } from './hung-engine.ts';
import type { EngineEvent, Hello } from './protocol.ts';

export interface EngineOptions extends EngineProcess {
  /** Whether an engine that runs already may be adopted; without it, any of this role. */
  accepts?: (hello: Hello) => boolean;
  onEvent?: (event: EngineEvent) => void;
  onState?: (state: EngineState) => void;
  /** How often a running engine is asked for a sign of life, and how long it may take; then it is asked anew, and ended. */
  watchdog?: { everyMs: number; patienceMs: number };
}

export type EngineState =
  | { kind: 'starting' }
  /** `refusal`: it would not take the wanted configuration and goes on with its last one (R19). */
  | { kind: 'running'; hello: Hello; adopted: boolean; refusal: string | null }
  /** `reason` ends in what the engine itself wrote last. */
  | { kind: 'failed'; reason: string; nextTryInMs: number }
  | { kind: 'stopped' };

/** Fast at first (R28: back within a second), slow when it fails for good. */
const RESTART: Backoff = { firstMs: 200, capMs: 10_000 };
/** An engine that ran this long was healthy: its next restart is the first again. */
const HEALTHY_AFTER_MS = 10_000;
/** An answer takes a millisecond. A machine so busy that it takes this long carries nothing either. */
const WATCHDOG = { everyMs: 5_000, patienceMs: 10_000 };

export class SupervisedEngine {
  readonly #options: EngineOptions;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  #engine: Engine | undefined;
  #state: EngineState = { kind: 'starting' };
  #wanted: EngineConfig | undefined;
  #firstUp = Promise.withResolvers<void>();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#loop = this.#keepRunning();
  }

  get state(): EngineState {
    return this.#state;
  }

  /** Undefined while it is away; calls on it reject with `EngineGone` when it goes meanwhile. */
  get engine(): Engine | undefined {
    return this.#engine;
  }

  /** What it was last told to be. */
  get wanted(): EngineConfig | undefined {
    return this.#wanted;
  }

  /** Resolves when the engine answers for the first time. */
  get ready(): Promise<void> {
    return this.#firstUp.promise;
  }

  /** Kept, and applied again to each new engine. Resolves once applied; rejects with `EngineRefusal` or `EngineGone`. */
  async configure(config: EngineConfig): Promise<void> {
    this.#wanted = config;
    const engine = this.#engine;
    if (!engine)
      throw new EngineGone('The engine is not running; it gets this configuration when it is.');
    await applyIfDifferent(engine, config);
  }

  /** Ends the engine too. */
  async stop(): Promise<void> {
    const engine = this.#engine;
    this.#stop.abort();
    await engine?.shutdown().catch(() => {});
    if (engine) await untilGone(engine.hello.pid);
    await this.#loop;
  }

  /** Ends only the supervision: the engine goes on, for the next start to adopt. */
  async release(): Promise<void> {
    this.#stop.abort();
    this.#engine?.close();
    await this.#loop;
  }

  async #keepRunning(): Promise<void> {
    const { signal } = this.#stop;
    let attempt = 0;
    while (!signal.aborted) {
      const startedAt = performance.now();
      const reason = await this.#runOnce();
      if (signal.aborted) break;
      if (performance.now() - startedAt > HEALTHY_AFTER_MS) attempt = 0;
      const nextTryInMs = backoffMs(attempt++, RESTART);
      this.#enter({ kind: 'failed', reason, nextTryInMs });
      await pause(nextTryInMs, signal);
    }
    this.#enter({ kind: 'stopped' });
  }

  /** Returns, with the reason, when the engine is gone or could not be had. */
  async #runOnce(): Promise<string> {
    try {
      const { engine, adopted } = await this.#adoptOrStart();
      if (this.#stop.signal.aborted) return await abandon(engine);
      this.#engine = engine;
      await engine.watch((event) => this.#options.onEvent?.(event));
      const refusal = this.#wanted ? await refusalOf(engine, this.#wanted) : null;
      this.#enter({ kind: 'running', hello: engine.hello, adopted, refusal });
      this.#firstUp.resolve();
      return await this.#untilItEnds(engine);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      this.#engine?.close();
      this.#engine = undefined;
    }
  }

  async #untilItEnds(engine: Engine): Promise<string> {
    const over = new AbortController();
    const silence = askForSigns(engine, this.#options.watchdog ?? WATCHDOG, over.signal);
    await engine.closed;
    over.abort();
    return (await silence) ?? withLastWords('The engine ended.', this.#options.logPath);
  }

  async #adoptOrStart(): Promise<{ engine: Engine; adopted: boolean }> {
    const running = await this.#adopt();
    if (running) return { engine: running, adopted: true };
    this.#enter({ kind: 'starting' });
    return { engine: await startEngine(this.#options, this.#stop.signal), adopted: false };
  }

  /** One that speaks another protocol or does something else is told to leave, for its socket is needed. */
  async #adopt(): Promise<Engine | undefined> {
    const engine = await this.#openOrEnd();
    if (!engine) return undefined;
    const { role, accepts } = this.#options;
    const fits = engine.hello.role === role && (accepts?.(engine.hello) ?? true);
    if (engine.speaksOurProtocol && fits) return engine;
    await engine.shutdown();
    await untilGone(engine.hello.pid);
    return undefined;
  }

  /** It may only have been slow before; silent once more, it hangs. */
  async #openOrEnd(): Promise<Engine | undefined> {
    try {
      return await openIfThere(this.#options.socketPath);
    } catch (error) {
      if (!(error instanceof EngineSilent)) throw error;
      await endHungEngine(this.#options.socketPath);
      return undefined;
    }
  }

  #enter(state: EngineState): void {
    this.#state = state;
    this.#options.onState?.(state);
  }
}

/** Resolves to a sentence when the engine has gone silent, and to nothing when it has ended or is left. */
async function askForSigns(
  engine: Engine,
  { everyMs, patienceMs }: { everyMs: number; patienceMs: number },
  over: AbortSignal,
): Promise<string | undefined> {
  for (;;) {
    await pause(everyMs, over);
    if (over.aborted) return undefined;
    try {
      await engine.ping(patienceMs);
    } catch (error) {
      return error instanceof EngineSilent ? error.message : undefined;
    }
  }
}

async function applyIfDifferent(engine: Engine, config: EngineConfig): Promise<void> {
  if (engine.hello.configHash !== configHash(config)) await engine.configure(config);
}

async function refusalOf(engine: Engine, config: EngineConfig): Promise<string | null> {
  try {
    await applyIfDifferent(engine, config);
    return null;
  } catch (error) {
    if (error instanceof EngineRefusal) return error.message;
    throw error;
  }
}

async function abandon(engine: Engine): Promise<string> {
  await engine.shutdown().catch(() => {});
  return 'stopped';
}
