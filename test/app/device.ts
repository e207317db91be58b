/** A whole device in this process: culvertd's parts on a real socket, with a network and an engine in memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { HOST_NAMES } from '../../app/contract/host-plan.ts';
import { Daemon } from '../../app/daemon/daemon.ts';
import type {
  Backend,
  BackendState,
  DeviceSettings,
  TunnelPeer,
} from '../../app/daemon/engine/backend.ts';
import { buildLocalApi } from '../../app/daemon/local-api/local-api.ts';
import { listenOnSocket } from '../../app/daemon/local-api/unix-socket.ts';
import { FakeNetwork } from '../../app/daemon/network/fake/fake-network.ts';
import { Store } from '../../app/daemon/store/store.ts';

export interface TestDevice {
  socket: string;
  state: string;
  network: FakeNetwork;
  engine: MemoryEngine;
  daemon: Daemon;
  /** Who calls, as the kernel would say; null hangs up. */
  callAs(uid: number): void;
  /** Another daemon on the same state, as after a crash. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** A gateway answers it at once, unless it is silent. */
export class MemoryEngine implements Backend {
  readonly kind = 'engine';
  isRunning = false;
  isSilent = false;
  peer: TunnelPeer | null = null;
  settings: DeviceSettings | null = null;
  #handshakeAt: number | null = null;
  readonly #gone = new Set<() => void>();

  async start(settings: DeviceSettings): Promise<'adopted' | 'started'> {
    const was = this.isRunning;
    this.isRunning = true;
    this.settings = settings;
    return was ? 'adopted' : 'started';
  }

  async configure(peer: TunnelPeer): Promise<void> {
    if (peer.publicKey !== this.peer?.publicKey || peer.isFresh) this.#handshakeAt = null;
    this.peer = peer;
  }

  async state(): Promise<BackendState | null> {
    if (!this.isRunning) return null;
    if (this.peer && !this.isSilent) this.#handshakeAt ??= Date.now();
    const { publicKey, endpoint } = this.peer ?? { publicKey: null, endpoint: null };
    const handshake = { lastHandshakeAt: this.#handshakeAt, rttMs: null };
    return { publicKey, endpoint, ...handshake, rxBytes: 1, txBytes: 1 };
  }

  async stop(): Promise<boolean> {
    const was = this.isRunning;
    this.isRunning = false;
    this.peer = null;
    this.#handshakeAt = null;
    return was;
  }

  kill(): void {
    void this.stop();
    for (const listener of this.#gone) listener();
  }

  onGone(listener: () => void): () => void {
    this.#gone.add(listener);
    return () => this.#gone.delete(listener);
  }

  /** The handshake is done before anybody asks: there is nothing to tell later. */
  onHandshake(): () => void {
    return () => {};
  }
}

export async function startDevice(): Promise<TestDevice> {
  const folder = mkdtempSync(join(tmpdir(), 'culvert-device-'));
  const state = join(folder, 'state');
  const socket = join(folder, 'run', 'culvertd.sock');
  const network = new FakeNetwork();
  const engine = new MemoryEngine();
  let uid = process.getuid?.() ?? 0;
  const boot = async () => {
    const store = new Store(state);
    const log = pino({ level: 'silent' });
    const device = { name: 'laptop', os: 'linux', osVersion: '6', clientVersion: '0.1.0' } as const;
    const problems = store.problems;
    const daemon = new Daemon({
      store,
      network,
      backend: engine,
      names: HOST_NAMES,
      device,
      problems,
      log,
    });
    const credentialsOf = () => ({ uid, gid: uid, pid: 1 });
    const api = buildLocalApi({ handlers: daemon.handlers, credentialsOf, log });
    await api.ready();
    await listenOnSocket(api.server, { path: socket, groupId: null });
    await daemon.begin();
    return { daemon, api };
  };
  let running = await boot();
  const halt = async () => {
    await running.api.close();
    await running.daemon.close();
  };
  return {
    socket,
    state,
    network,
    engine,
    get daemon() {
      return running.daemon;
    },
    callAs: (next) => {
      uid = next;
    },
    restart: async () => {
      await halt();
      running = await boot();
    },
    close: async () => {
      await halt();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
