/**
 * culvert-engine as the device's WireGuard. It is a process of its own, in a session of its own, with a log of its own: it
 * goes on forwarding while the daemon restarts, and the next daemon adopts it. Configured over UAPI like any WireGuard;
 * the control socket only says who it is, when a handshake was done, and, by closing, that it went.
 */
import type { Engine } from '../../../native/client/engine.ts';
import type { EnginePeerStatus } from '../../../native/client/protocol.ts';
import { publicKeyOf } from '../../../native/wg/keys.ts';
import { getInterface, setInterface, uapiPath } from '../../../native/wg/uapi-socket.ts';
import type { InterfaceChange, InterfaceState } from '../../../native/wg/uapi-text.ts';
import { Fault, reasonOf } from '../../contract/problem.ts';
import type { Backend, BackendState, DeviceSettings, TunnelPeer } from './backend.ts';
import { type EngineProcess, openControl, startEngine, waitForEnd } from './engine-process.ts';
import { peerChange, settingsChange } from './wireguard-change.ts';

export interface EngineBackendOptions extends EngineProcess {
  device: string;
}

export class EngineBackend implements Backend {
  readonly kind = 'engine';
  readonly #options: EngineBackendOptions;
  readonly #whenGone = new Set<() => void>();
  readonly #whenShaken = new Set<() => void>();
  #engine: Engine | null = null;

  constructor(options: EngineBackendOptions) {
    this.#options = options;
  }

  async start(settings: DeviceSettings): Promise<'adopted' | 'started'> {
    const running = this.#engine ?? (await this.#adopt());
    const engine = running ?? (await startEngine(this.#options, this.#options.device, settings));
    this.#hold(engine);
    await this.#set(settingsChange(await this.#get(), settings));
    return running ? 'adopted' : 'started';
  }

  async configure(peer: TunnelPeer): Promise<void> {
    await this.#set(peerChange(await this.#get(), peer));
  }

  async state(): Promise<BackendState | null> {
    const engine = this.#engine;
    if (!engine) return null;
    const [state, status] = await Promise.all([
      this.#get().catch(() => null),
      // UAPI has no word for the time that a handshake took.
      engine.status().catch(() => null),
    ]);
    return state && toBackendState(state, status?.peers ?? []);
  }

  async stop(): Promise<boolean> {
    const engine = this.#engine ?? (await openControl(this.#options.controlPath));
    this.#engine = null;
    if (!engine) return false;
    // It may go faster than it answers.
    await engine.shutdown().catch(() => {});
    await waitForEnd(engine.hello.pid);
    return true;
  }

  /** Lets go of the engine without ending it: what a daemon that restarts does. */
  leave(): void {
    const engine = this.#engine;
    this.#engine = null;
    engine?.close();
  }

  onGone(listener: () => void): () => void {
    this.#whenGone.add(listener);
    return () => this.#whenGone.delete(listener);
  }

  onHandshake(listener: () => void): () => void {
    this.#whenShaken.add(listener);
    return () => this.#whenShaken.delete(listener);
  }

  /** One of another version would not understand us: it has to make room. */
  async #adopt(): Promise<Engine | null> {
    const engine = await openControl(this.#options.controlPath);
    if (!engine) return null;
    if (engine.speaksOurProtocol && engine.hello.role === 'device') return engine;
    await engine.shutdown().catch(() => {});
    await waitForEnd(engine.hello.pid);
    return null;
  }

  #hold(engine: Engine): void {
    if (this.#engine === engine) return;
    this.#engine = engine;
    void engine.closed.then(() => {
      // Stopped or left on purpose is not gone.
      if (this.#engine !== engine) return;
      this.#engine = null;
      for (const listener of this.#whenGone) listener();
    });
    const told = engine.watch(({ kind }) => {
      if (kind === 'peer-handshake') for (const listener of this.#whenShaken) listener();
    });
    // One that went is told by `closed`.
    told.catch(() => {});
  }

  async #get(): Promise<InterfaceState> {
    const answer = await this.#ask(() => getInterface(uapiPath(this.#options.device)));
    if (!answer.ok)
      throw new Fault('engine-failed', { reason: `its UAPI answered ${answer.errno}` });
    return answer.value;
  }

  async #set(change: InterfaceChange | null): Promise<void> {
    if (!change) return;
    const answer = await this.#ask(() => setInterface(uapiPath(this.#options.device), change));
    if (!answer.ok)
      throw new Fault('engine-failed', {
        reason: `it refused its configuration (${answer.errno})`,
      });
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (cause) {
      throw new Fault('engine-failed', { reason: reasonOf(cause) }, cause);
    }
  }
}

function toBackendState(
  { privateKey, peers }: InterfaceState,
  measured: readonly EnginePeerStatus[],
): BackendState {
  const peer = peers[0];
  const known = measured.find(({ publicKey }) => publicKey === peer?.publicKey);
  return {
    publicKey: privateKey && publicKeyOf(privateKey),
    endpoint: peer?.endpoint ?? null,
    lastHandshakeAt: peer?.lastHandshakeAt ?? null,
    rttMs: known?.handshakeRttMs ?? null,
    rxBytes: peer?.rxBytes ?? 0,
    txBytes: peer?.txBytes ?? 0,
  };
}
