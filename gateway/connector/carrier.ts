/**
 * What carries the packets: an engine that is kept running, and this host's kernel where it forwards. If the kernel will
 * not after all, everything is given back and the engine goes on alone.
 */
import { join } from 'node:path';
import { findEngine } from '../../native/client/binary.ts';
import { EngineGone } from '../../native/client/connection.ts';
import type { Hello } from '../../native/client/protocol.ts';
import { type EngineState, SupervisedEngine } from '../../native/client/supervisor.ts';
import type { ConnectorConfig } from '../contract/snapshot.ts';
import { engineConfig } from './engine-config.ts';
import { chooseForwarding, type Forwarding } from './kernel/choose.ts';
import { thisHost } from './kernel/host.ts';
import { KernelForwarding } from './kernel/kernel-forwarding.ts';
import { KernelLedger } from './kernel/ledger.ts';
import { INTERFACE } from './kernel/plan.ts';
import type { StateFolder } from './state-file.ts';

export interface CarrierOptions {
  folder: StateFolder;
  say: (sentence: string) => void;
  /** The operator lets the kernel forward. */
  allowKernel: boolean;
  /** Threads for the flows, where the kernel does not forward. */
  shards: number;
  engineBinary?: string;
  onRunning: () => void;
}

/** Listeners and interfaces of this host come and go. */
const LOOK_MS = 5_000;
/** Another firewall may be set up, or a program removed. */
const RECONSIDER_MS = 30_000;

export class Carrier {
  readonly #options: CarrierOptions;
  readonly #kernel: KernelForwarding;
  readonly #timers: NodeJS.Timeout[];
  #forwarding: Forwarding;
  #engine: SupervisedEngine;
  #config: ConnectorConfig | undefined;
  #isClosed = false;
  /** The engine has run in the present way of forwarding. */
  #hasRun = false;
  /** Changes of the kernel, one after another. */
  #work: Promise<void> = Promise.resolve();

  private constructor(options: CarrierOptions, kernel: KernelForwarding, forwarding: Forwarding) {
    this.#options = options;
    this.#kernel = kernel;
    this.#forwarding = forwarding;
    this.#engine = this.#start();
    this.#timers = [
      setInterval(() => this.#tendKernel(), LOOK_MS),
      setInterval(() => this.#reconsider(), RECONSIDER_MS),
    ];
  }

  static async begin(options: CarrierOptions): Promise<Carrier> {
    const ledger = new KernelLedger(options.folder.path);
    const kernel = new KernelForwarding(thisHost, ledger);
    const forwarding = await chooseForwarding(options.allowKernel, !ledger.isEmpty, thisHost);
    // What a run that was killed has left.
    if (forwarding.by === 'user-space') await giveBack(kernel, options.say);
    tell(forwarding, options);
    return new Carrier(options, kernel, forwarding);
  }

  get hello(): Hello | undefined {
    return this.#engine.engine?.hello;
  }

  /** An engine that is away gets it when it is back; rejects when the engine refuses it. */
  async configure(config: ConnectorConfig, privateKey: string): Promise<void> {
    const forEngine = await engineConfig(config, privateKey);
    try {
      await this.#engine.configure(forEngine);
    } catch (error) {
      if (!(error instanceof EngineGone)) throw error;
    }
    this.#config = config;
    this.#tendKernel();
    await this.#work;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#work;
    await this.#engine.stop();
    if (this.#forwarding.by === 'kernel') await giveBack(this.#kernel, this.#options.say);
  }

  #start(): SupervisedEngine {
    const { folder, engineBinary, shards } = this.#options;
    const wanted = this.#forwarding.by === 'kernel' ? INTERFACE : undefined;
    return new SupervisedEngine({
      role: 'connector',
      binary: engineBinary ?? findEngine(),
      arguments: wanted === undefined ? ['--shards', `${shards}`] : ['--tun', wanted],
      accepts: (hello) => hello.interface === wanted,
      socketPath: join(folder.path, 'engine.sock'),
      logPath: join(folder.path, 'engine.log'),
      onState: (state) => this.#takeState(state),
    });
  }

  #takeState(state: EngineState): void {
    if (state.kind === 'failed') this.#takeFailure(state.reason);
    if (state.kind !== 'running') return;
    this.#hasRun = true;
    this.#kernel.forgetLink();
    this.#tendKernel();
    this.#options.onRunning();
  }

  /** An engine that cannot even start with an interface does without. */
  #takeFailure(reason: string): void {
    this.#options.say(`${reason} It is started again.`);
    if (this.#hasRun || this.#forwarding.by !== 'kernel' || this.#isClosed) return;
    this.#work = this.#work.then(() => this.#goOnAlone(reason));
  }

  #tendKernel(): void {
    const config = this.#config;
    if (this.#isClosed || this.#forwarding.by !== 'kernel' || !config) return;
    this.#work = this.#work.then(async () => {
      if (this.#forwarding.by !== 'kernel') return;
      try {
        await this.#kernel.apply(config);
      } catch (error) {
        await this.#goOnAlone((error as Error).message);
      }
    });
  }

  #reconsider(): void {
    this.#work = this.#work.then(async () => {
      if (this.#isClosed || this.#forwarding.by !== 'kernel') return;
      const now = await chooseForwarding(true, true, thisHost);
      if (now.by === 'user-space') await this.#goOnAlone(now.why);
    });
  }

  async #goOnAlone(reason: string): Promise<void> {
    this.#forwarding = { by: 'user-space', why: reason.replace(/\.$/, '') };
    tell(this.#forwarding, this.#options);
    const wanted = this.#engine.wanted;
    await this.#engine.stop();
    await giveBack(this.#kernel, this.#options.say);
    this.#engine = this.#start();
    if (wanted) await this.#engine.configure(wanted).catch(() => {});
  }
}

async function giveBack(kernel: KernelForwarding, say: (sentence: string) => void): Promise<void> {
  try {
    await kernel.undo();
  } catch (error) {
    say(
      `What the kernel was told to forward stays: ${(error as Error).message}. Run “culvert-connector undo” as root.`,
    );
  }
}

function tell(forwarding: Forwarding, { folder, say }: CarrierOptions): void {
  folder.writeForwarding(forwarding);
  if (forwarding.by === 'kernel') say(`The kernel forwards, through the interface ${INTERFACE}.`);
  else say(`Forwards in user space: ${forwarding.why}.`);
}
