/**
 * The connector while it runs: its engine forwards with the last good snapshot from the first moment on, its stream
 * brings newer ones, and it says how it is. Only a person's decision ends it.
 */
import { type Backoff, backoffMs, pause } from '../../native/client/backoff.ts';
import type { StreamMessage, StreamReply } from '../contract/device-api.ts';
import type { ConnectorConfig } from '../contract/snapshot.ts';
import type { Identity } from '../trust/identity.ts';
import { SNAPSHOT_REFUSALS, verifyConnectorSnapshot } from '../trust/snapshot.ts';
import { fetchTrust, organisationKey } from '../trust/statement.ts';
import { Carrier } from './carrier.ts';
import { followStream, type StreamEnd } from './gateway-stream.ts';
import { identityOf, type Membership, type StateFolder } from './state-file.ts';
import { Stop } from './stop.ts';
import { isReachable, readRoutes, suggestRanges } from './surroundings.ts';

const RECONNECT: Backoff = { firstMs: 500, capMs: 30_000 };
const HEALTH_MS = 15_000;
/** How often to look whether something changed that is worth saying at once, or a name that moved. */
const LOOK_MS = 2_000;
const RESOLVE_MS = 60_000;
/** A stream that held this long was a good one: its end starts the waits from the shortest again. */
const GOOD_STREAM_MS = 30_000;

export interface RunOptions {
  folder: StateFolder;
  say: (sentence: string) => void;
  /** Ends the connector and its engine. */
  signal: AbortSignal;
  /** The kernel may forward, where it can. */
  allowKernel: boolean;
  /** Threads for the flows of a connector in user space. */
  shards: number;
  engineBinary?: string;
}

export async function runConnector(options: RunOptions): Promise<void> {
  const membership = options.folder.requireMembership();
  const connector = new Connector(membership, identityOf(membership, options.folder), options);
  try {
    await connector.begin();
    await connector.run();
  } finally {
    await connector.close();
  }
}

class Connector {
  #membership: Membership;
  readonly #identity: Identity;
  readonly #options: RunOptions;
  #carrier: Carrier | undefined;
  readonly #timers: NodeJS.Timeout[];
  /** Aborted when the gateway says that this connector is over, with the reason. */
  readonly #over = new AbortController();
  #config: ConnectorConfig | undefined;
  #send: ((reply: StreamReply) => void) | undefined;
  #lastHealth = '';
  #lastSaid = '';
  /** Messages are taken one after another, so that an older snapshot never finishes after a newer one. */
  #inbox: Promise<void> = Promise.resolve();

  constructor(membership: Membership, identity: Identity, options: RunOptions) {
    this.#membership = membership;
    this.#identity = identity;
    this.#options = options;
    this.#timers = [
      setInterval(() => this.#sayHealth(false), LOOK_MS),
      setInterval(() => this.#sayHealth(true), HEALTH_MS),
      setInterval(() => void this.#configure().catch(() => {}), RESOLVE_MS),
    ];
  }

  async begin(): Promise<void> {
    this.#carrier = await Carrier.begin({
      ...this.#options,
      say: (sentence) => this.#say(sentence),
      onRunning: () => this.#sayHealth(false),
    });
  }

  async run(): Promise<void> {
    await this.#takeStoredSnapshot();
    let attempt = 0;
    const signal = AbortSignal.any([this.#options.signal, this.#over.signal]);
    while (!signal.aborted) {
      const startedAt = performance.now();
      const end = await this.#follow(signal);
      if (signal.aborted) break;
      if (performance.now() - startedAt > GOOD_STREAM_MS) attempt = 0;
      const waitMs = await this.#afterEnd(end, backoffMs(attempt++, RECONNECT));
      await pause(waitMs, signal);
    }
    if (this.#over.signal.aborted) throw this.#over.signal.reason;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#carrier?.close();
  }

  #follow(signal: AbortSignal): Promise<StreamEnd> {
    const { gateway, tlsKeys, connectorId } = this.#membership;
    return followStream({
      gateway,
      tlsKeys,
      identity: this.#identity,
      connectorId,
      signal,
      onOpen: (send) => {
        this.#send = send;
        this.#lastHealth = '';
        this.#say(`Connected to ${gateway}.`);
        this.#sayHealth(true);
      },
      onMessage: (message) => {
        this.#inbox = this.#inbox
          .then(() => this.#take(message))
          .catch((error: unknown) => this.#say(String(error)));
      },
    });
  }

  /** How long to wait before the next try. */
  async #afterEnd(end: StreamEnd, waitMs: number): Promise<number> {
    this.#send = undefined;
    if (end.kind === 'other-tls-key')
      return (await this.#learnTlsKeys()) ? 0 : Math.max(waitMs, 5_000);
    if (end.kind === 'refused') return this.#afterRefusal(end.code, end.message, waitMs);
    if (end.kind === 'lost') {
      this.#say(
        `No connection to ${this.#membership.gateway}: ${end.why}. Trying again; what is configured goes on.`,
      );
      return Math.max(waitMs, Math.random() * 2 * end.retryAfterMs);
    }
    return waitMs;
  }

  #afterRefusal(code: string, message: string, waitMs: number): number {
    if (code === 'unknown-connector') {
      throw new Stop(
        'refused',
        'This connector was removed from its network. To join again, copy a new line from the dashboard.',
      );
    }
    this.#say(
      `The gateway refuses the connection: ${message} Trying again; what is configured goes on.`,
    );
    return Math.max(waitMs, 5_000);
  }

  /** The gateway may have a new certificate: whether it may, only the organisation's signed statement says. */
  async #learnTlsKeys(): Promise<boolean> {
    const { gateway, fingerprint } = this.#membership;
    const outcome = await fetchTrust(gateway, fingerprint);
    if (outcome.kind !== 'trusted') {
      this.#say(`${outcome.message} Trying again; what is configured goes on.`);
      return false;
    }
    this.#membership = { ...this.#membership, tlsKeys: outcome.trust.statement.tlsKeys };
    this.#options.folder.writeMembership(this.#membership);
    return true;
  }

  async #takeStoredSnapshot(): Promise<void> {
    const jws = this.#options.folder.readSnapshot();
    if (jws === undefined) return;
    // Its date was checked when it came. Until a newer one comes it stays in force (fail static).
    const outcome = await verifyConnectorSnapshot(jws, { ...this.#receiver(), now: 0 });
    if (outcome.kind === 'refused') return this.#say(SNAPSHOT_REFUSALS[outcome.reason]);
    this.#config = outcome.config;
    await this.#configure().catch((error: unknown) => this.#say(String(error)));
  }

  async #take(message: StreamMessage): Promise<void> {
    if (message.type === 'ended') return this.#takeEnd(message.reason);
    const outcome = await verifyConnectorSnapshot(message.snapshot, this.#receiver());
    if (outcome.kind === 'refused') {
      const problem = SNAPSHOT_REFUSALS[outcome.reason];
      this.#say(`${problem} The last good one stays in force.`);
      if (outcome.revision !== null)
        this.#send?.({ type: 'refused', revision: outcome.revision, problem });
      return;
    }
    await this.#apply(outcome.config, message.snapshot);
  }

  #receiver() {
    const { organisationKey: publicKey, fingerprint, connectorId } = this.#membership;
    return {
      key: organisationKey(publicKey),
      fingerprint,
      id: connectorId,
      revision: this.#config?.revision ?? null,
      now: Date.now(),
    };
  }

  async #apply(config: ConnectorConfig, jws: string): Promise<void> {
    const { revision } = config;
    const before = this.#config;
    this.#config = config;
    try {
      await this.#configure();
      this.#options.folder.writeSnapshot(jws);
      this.#send?.({ type: 'applied', revision });
      this.#say(`Revision ${revision} of ${config.network.name} is in force.`);
    } catch (error) {
      this.#config = before;
      const problem = (error as Error).message.slice(0, 500);
      this.#send?.({ type: 'refused', revision, problem });
      this.#say(
        `Revision ${revision} cannot be applied: ${problem} The last good one stays in force.`,
      );
    }
    this.#sayHealth(false);
  }

  async #configure(): Promise<void> {
    if (this.#config) await this.#carrier?.configure(this.#config, this.#membership.wireguardKey);
  }

  #takeEnd(reason: 'removed' | 'session-expired' | 'replaced'): void {
    const sentence =
      reason === 'replaced'
        ? 'Another connector runs with the same keys, so this one ends. Join that machine with a token of its own.'
        : 'This connector was removed from its network. To join again, copy a new line from the dashboard.';
    this.#over.abort(new Stop('refused', sentence));
  }

  #sayHealth(isDue: boolean): void {
    const ping = this.#carrier?.hello?.ping ?? 'works';
    const routes = readRoutes();
    const ranges = (this.#config?.network.ranges ?? []).map((cidr) => ({
      cidr,
      reachable: isReachable(cidr, routes),
    }));
    const reply: StreamReply = { type: 'health', ranges, suggestions: suggestRanges(), ping };
    const text = JSON.stringify(reply);
    if (!isDue && text === this.#lastHealth) return;
    this.#lastHealth = text;
    this.#send?.(reply);
  }

  /** The same sentence over and over would fill a log without saying more. */
  #say(sentence: string): void {
    if (sentence === this.#lastSaid) return;
    this.#lastSaid = sentence;
    this.#options.say(sentence);
  }
}
