/**
 * Drives the engine in the gateway role: a compiled configuration goes in, peers' state, traffic and refused flows come
 * out. The engine is a process of its own, so that traffic goes on while this one restarts.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pause } from '../../native/client/backoff.ts';
import { findEngine } from '../../native/client/binary.ts';
import { EngineGone, EngineRefusal } from '../../native/client/connection.ts';
import type {
  EngineEvent,
  EngineStatus,
  ExplainParams,
  ExplainResult,
  GatewayEngineConfig,
} from '../../native/client/protocol.ts';
import { type EngineState, SupervisedEngine } from '../../native/client/supervisor.ts';
import { LastEndpoints } from './last-endpoints.ts';
import { type PeerState, Peers } from './peers.ts';
import { Traffic, type TrafficPoint } from './traffic.ts';

export type DeniedFlow = Extract<EngineEvent, { kind: 'flow-denied' }>;

export interface DataPlaneOptions {
  /** Holds the control socket, the engine's log and what it must not forget; made if missing, for this user alone. */
  folder: string;
  /** `culvert-engine`, found by itself when not given. */
  binary?: string;
  /** Offers a read-only UAPI socket of this name, so that `wg show NAME` works. Needs rights to /var/run/wireguard. */
  uapiName?: string;
  /** Somebody's tunnel came up or went down. */
  onPeers?: () => void;
  onDenied?: (flow: DeniedFlow) => void;
  onEngine?: (state: EngineState) => void;
}

function engineArguments({ folder, uapiName }: DataPlaneOptions): string[] {
  const state = ['--state', join(folder, 'replay-floors')];
  return uapiName === undefined ? state : [...state, '--uapi', uapiName];
}

export class DataPlane {
  readonly #engine: SupervisedEngine;
  readonly #options: DataPlaneOptions;
  readonly #peers = new Peers();
  readonly #endpoints: LastEndpoints;
  readonly #traffic = new Traffic();
  readonly #timer: NodeJS.Timeout;
  #deviceIds: ReadonlySet<string> = new Set();
  #next: GatewayEngineConfig | undefined;
  #applying: Promise<void> | undefined;
  #refusal: string | null = null;
  #refusedAt = 0;
  #wanted: GatewayEngineConfig | undefined;

  constructor(options: DataPlaneOptions) {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    this.#options = options;
    this.#endpoints = new LastEndpoints(join(options.folder, 'endpoints.json'));
    this.#engine = new SupervisedEngine({
      role: 'gateway',
      binary: options.binary ?? findEngine(),
      arguments: engineArguments(options),
      socketPath: join(options.folder, 'engine.sock'),
      logPath: join(options.folder, 'engine.log'),
      onEvent: (event) => this.#takeEvent(event),
      onState: (state) => this.#takeState(state),
    });
    this.#timer = setInterval(() => void this.#poll(), POLL_MS).unref();
  }

  get state(): EngineState {
    return this.#engine.state;
  }

  /** Why the engine would not take the newest configuration; it goes on with its last one (R19). */
  get refusal(): string | null {
    return this.#refusal;
  }

  get ready(): Promise<void> {
    return this.#engine.ready;
  }

  /** Waits until the engine has said who is connected, but never long: it may be a long time coming. */
  async settle(patienceMs: number): Promise<void> {
    const said = this.ready.then(() => this.#poll());
    await Promise.race([said, pause(patienceMs, new AbortController().signal)]);
  }

  get traffic(): readonly TrafficPoint[] {
    return this.#traffic.points;
  }

  peer(id: string): PeerState | undefined {
    return this.#peers.get(id);
  }

  /**
   * The newest configuration wins: while one is being applied, those in between are skipped. Resolves once this one or a
   * newer one is applied, or is kept for an engine that is away; rejects with `EngineRefusal`.
   */
  apply(config: GatewayEngineConfig): Promise<void> {
    this.#next = config;
    this.#wanted = config;
    this.#deviceIds = new Set(
      config.peers.flatMap((peer) => (peer.kind === 'device' ? [peer.id] : [])),
    );
    this.#applying ??= this.#applyNewest().finally(() => {
      this.#applying = undefined;
    });
    return this.#applying;
  }

  /** Undefined while the engine is away, or before it knows the device. */
  async explain(params: ExplainParams): Promise<ExplainResult | undefined> {
    try {
      return await this.#engine.engine?.explain(params);
    } catch (error) {
      if (error instanceof EngineGone || error instanceof EngineRefusal) return undefined;
      throw error;
    }
  }

  /** Ends the engine: every tunnel goes down. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#engine.stop();
  }

  /** Leaves the engine running, for the next start to adopt. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#engine.release();
  }

  async #applyNewest(): Promise<void> {
    while (this.#next) {
      const config = this.#next;
      this.#next = undefined;
      try {
        await this.#engine.configure(this.#withEndpoints(config));
        this.#refusal = null;
      } catch (error) {
        if (error instanceof EngineGone) continue;
        this.#refusedAt = performance.now();
        this.#refusal = error instanceof Error ? error.message : String(error);
        throw error;
      }
    }
  }

  #withEndpoints(config: GatewayEngineConfig): GatewayEngineConfig {
    return { ...config, lastEndpoints: this.#endpoints.of(config.peers.map(({ id }) => id)) };
  }

  #takeEvent(event: EngineEvent): void {
    if (event.kind === 'peer-handshake') this.#endpoints.take(event.id, event.endpoint);
    if (event.kind === 'flow-denied') this.#options.onDenied?.(event);
    else if (this.#peers.takeEvent(event)) this.#options.onPeers?.();
  }

  #takeState(state: EngineState): void {
    if (state.kind === 'running') {
      this.#refusal = state.refusal;
      // The supervisor has just configured it, but with what was known at the last change.
      if (!state.adopted && this.#wanted) this.apply(this.#wanted).catch(() => {});
      void this.#poll();
    } else if (this.#peers.loseAll()) this.#options.onPeers?.();
    this.#options.onEngine?.(state);
  }

  /** What stood in the way may have gone: another program has let go of the port. */
  #retryRefused(): void {
    const isDue = performance.now() - this.#refusedAt > RETRY_MS;
    if (this.#refusal === null || this.#applying || !this.#wanted || !isDue) return;
    this.apply(this.#wanted).catch(() => {});
  }

  async #poll(): Promise<void> {
    this.#retryRefused();
    const status = await this.#engine.engine?.status().catch(() => undefined);
    if (!status) return;
    for (const { id, endpoint } of status.peers) this.#endpoints.take(id, endpoint);
    this.#endpoints.save((this.#wanted?.peers ?? []).map(({ id }) => id));
    this.#traffic.take(this.#countersOf(status));
    const isConnector = (id: string): boolean => !this.#deviceIds.has(id);
    if (this.#peers.takeStatus(status.peers, status.now, isConnector)) this.#options.onPeers?.();
  }

  #countersOf(status: EngineStatus) {
    const devices = status.peers.filter((peer) => this.#deviceIds.has(peer.id));
    return {
      at: status.now,
      fromDevices: devices.reduce((sum, peer) => sum + peer.rxBytes, 0),
      toDevices: devices.reduce((sum, peer) => sum + peer.txBytes, 0),
    };
  }
}

const POLL_MS = 1000;
/** Seldom enough that a configuration which will never do costs nothing. */
const RETRY_MS = 4000;
