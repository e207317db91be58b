/**
 * The kernel's own WireGuard, where the kernel has it and `wg` is installed. There is no process to adopt or to lose: the
 * device stays until it is deleted, whoever is killed.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../../contract/problem.ts';
import type { Backend, BackendState, DeviceSettings, TunnelPeer } from './backend.ts';
import { locate, type Run, runProgram } from './program.ts';
import { parseDump, renderConfiguration, settingsArguments } from './wg-tool.ts';

const WATCH_MS = 1_000;
/** A handshake takes a round trip; a gateway that has not answered after this is looked at as often as anything else. */
const HANDSHAKE_LOOKS_MS = [10, 10, 20, 40, 80, 160, 320];

export class KernelBackend implements Backend {
  readonly kind = 'kernel';
  readonly #device: string;
  readonly #run: Run;
  readonly #whenGone = new Set<() => void>();
  readonly #whenShaken = new Set<() => void>();
  #watching: AbortController | null = null;
  #settings: DeviceSettings | null = null;

  constructor(device: string, run: Run = runProgram) {
    this.#device = device;
    this.#run = run;
  }

  /** Whether this computer can: asked by making a device and taking it away again. */
  static async isAvailable(run: Run = runProgram): Promise<boolean> {
    if (!locate('wg') || !locate('ip')) return false;
    const probe = 'culvert-probe';
    const { status } = await run('ip', ['link', 'add', probe, 'type', 'wireguard']);
    if (status === 0) await run('ip', ['link', 'del', probe]);
    return status === 0;
  }

  async start(settings: DeviceSettings): Promise<'adopted' | 'started'> {
    const isThere = (await this.#dump()) !== null;
    this.#settings = settings;
    if (!isThere) await this.#must('ip', ['link', 'add', this.#device, 'type', 'wireguard']);
    // The key goes through a pipe: arguments are for everybody to read.
    await this.#must('wg', settingsArguments(this.#device, settings), `${settings.privateKey}\n`);
    await this.#must('ip', ['link', 'set', 'dev', this.#device, 'mtu', `${settings.mtu}`, 'up']);
    this.#watch();
    return isThere ? 'adopted' : 'started';
  }

  async configure(peer: TunnelPeer): Promise<void> {
    if (!this.#settings || !(await this.#dump())) throw new Fault('engine-gone');
    if (peer.isFresh)
      await this.#must('wg', ['set', this.#device, 'peer', peer.publicKey, 'remove']);
    const text = renderConfiguration(this.#settings, peer);
    await this.#must('wg', ['syncconf', this.#device, '/dev/stdin'], text);
    if (this.#whenShaken.size > 0) void this.#awaitHandshake(peer.publicKey);
  }

  async state(): Promise<BackendState | null> {
    const dump = await this.#dump();
    if (!dump) return null;
    const [peer] = dump.peers;
    return {
      publicKey: dump.publicKey,
      endpoint: peer?.endpoint ?? null,
      lastHandshakeAt: peer?.lastHandshakeAt ?? null,
      rttMs: null,
      rxBytes: peer?.rxBytes ?? 0,
      txBytes: peer?.txBytes ?? 0,
    };
  }

  async stop(): Promise<boolean> {
    this.#watching?.abort();
    this.#watching = null;
    if (!(await this.#dump())) return false;
    await this.#must('ip', ['link', 'del', this.#device]);
    return true;
  }

  onGone(listener: () => void): () => void {
    this.#whenGone.add(listener);
    return () => this.#whenGone.delete(listener);
  }

  onHandshake(listener: () => void): () => void {
    this.#whenShaken.add(listener);
    return () => this.#whenShaken.delete(listener);
  }

  /** The kernel has no message for a handshake, so after a peer was set it is looked for. */
  async #awaitHandshake(publicKey: string): Promise<void> {
    for (const wait of HANDSHAKE_LOOKS_MS) {
      await pause(wait, undefined, { ref: false });
      const peer = (await this.#dump())?.peers.find((one) => one.publicKey === publicKey);
      if (!peer) return;
      if (peer.lastHandshakeAt === null) continue;
      for (const listener of this.#whenShaken) listener();
      return;
    }
  }

  /** A deleted device is told by nobody to us here, so it is looked for. */
  #watch(): void {
    this.#watching?.abort();
    const watching = new AbortController();
    this.#watching = watching;
    void this.#lookWhile(watching.signal);
  }

  async #lookWhile(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(WATCH_MS, undefined, { ref: false });
      if (signal.aborted || (await this.#dump())) continue;
      this.#watching = null;
      for (const listener of this.#whenGone) listener();
      return;
    }
  }

  async #dump() {
    const { status, stdout } = await this.#run('wg', ['show', this.#device, 'dump']);
    return status === 0 ? parseDump(stdout) : null;
  }

  async #must(program: 'ip' | 'wg', argv: readonly string[], input?: string): Promise<void> {
    const { status, stderr } = await this.#run(program, argv, input);
    if (status !== 0)
      throw new Fault('engine-failed', { reason: stderr.trim().split('\n', 1)[0] ?? '' });
  }
}
