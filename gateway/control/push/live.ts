/**
 * Keeps everybody current: store change → board → streams and engine, within a few milliseconds of the commit. Also what
 * is known of each peer right now: is its stream open, is its tunnel up.
 */
import type { FastifyBaseLogger } from 'fastify';
import type { StreamReply } from '../../contract/device-api.ts';
import type { DataPlane, DeniedFlow } from '../../dataplane/data-plane.ts';
import type { PeerState } from '../../dataplane/peers.ts';
import type { Proofs } from '../enrol/proof.ts';
import type { Trust } from '../enrol/trust.ts';
import type { Snapshots } from '../gateway.ts';
import { Refusal } from '../http/fault.ts';
import type { Health } from '../policy/compile.ts';
import type { GatewayFacts } from '../policy/policy-state.ts';
import type { Store } from '../store/store.ts';
import { Announcements } from './announcements.ts';
import { type Board, compileBoard } from './board.ts';
import type { HealthReply } from './connector-health.ts';
import { readPolicy } from './read-policy.ts';
import { breather, inSlices } from './slices.ts';
import { SNAPSHOT_LIFETIME_MS, SnapshotSender } from './snapshot-sender.ts';
import { recordHealth, recordSeen } from './stream-record.ts';
import { type Stream, type StreamLimits, Streams } from './streams.ts';
import { Ticker } from './ticker.ts';

export interface LiveOptions {
  store: Store;
  log: FastifyBaseLogger;
  trust: Trust;
  proofs: Proofs;
  facts: GatewayFacts;
  /** Undefined in tests that carry no packets. */
  dataPlane?: (events: { onPeers: () => void; onDenied: (flow: DeniedFlow) => void }) => DataPlane;
  limits?: Partial<StreamLimits>;
}

/** Changes that come together are one push. */
const COALESCE_MS = 10;
/** A tunnel that comes up makes several events; nobody needs each of them. */
const HEALTH_COALESCE_MS = 300;
const SETTLE_MS = 1000;
const MAX_TIMER_MS = 2 ** 31 - 1;

export class Live implements Snapshots {
  readonly streams: Streams;
  readonly dataPlane: DataPlane | undefined;
  readonly #options: LiveOptions;
  readonly #refresh: Ticker;
  readonly #push: Ticker;
  readonly #announcements: Announcements;
  readonly #sender: SnapshotSender;
  readonly #unlisten: () => void;
  #board: Board | undefined;
  #expiryTimer: NodeJS.Timeout | undefined;
  #renewTimer: NodeJS.Timeout | undefined;

  private constructor(options: LiveOptions) {
    this.#options = options;
    const onFailure = (error: unknown): void =>
      options.log.error(
        { cause: error },
        'changes could not be handed out; the next change tries again',
      );
    this.#refresh = new Ticker(() => this.#refreshNow(), onFailure);
    this.#push = new Ticker(() => this.#pushNow(), onFailure);
    this.#announcements = new Announcements(options.store, onFailure);
    this.#sender = new SnapshotSender({
      trust: options.trust,
      clock: options.store.clock,
      board: () => this.#board,
    });
    this.streams = new Streams({
      proofs: options.proofs,
      log: options.log,
      onOpen: (stream) => void this.#guard(this.#takeOpen(stream)),
      onReply: (stream, reply) => void this.#guard(this.#takeReply(stream, reply)),
      onClose: (stream) => void this.#guard(this.#takeClose(stream)),
      ...(options.limits ? { limits: options.limits } : {}),
    });
    this.dataPlane = options.dataPlane?.({
      onPeers: () => this.#takePeers(),
      onDenied: (flow) => options.log.info({ flow }, 'flow denied'),
    });
    this.#unlisten = options.store.onChange(({ revision }) => {
      if (revision !== this.#board?.state.revision) this.#refresh.soon(COALESCE_MS);
    });
  }

  static async open(options: LiveOptions): Promise<Live> {
    const live = new Live(options);
    // Else everybody would first be told that no connector is healthy.
    await live.dataPlane?.settle(SETTLE_MS);
    await live.#refresh.now();
    live.#renewTimer = setInterval(() => live.#renew(), SNAPSHOT_LIFETIME_MS / 30).unref();
    return live;
  }

  /** The board at the store's revision of this moment: what somebody just stored is in it. */
  async board(): Promise<Board> {
    const revision = await this.#options.store.revision();
    if (this.#board && this.#board.state.revision >= revision) return this.#board;
    await this.#refresh.now();
    if (!this.#board) throw new Error('the board is empty after a refresh');
    return this.#board;
  }

  async forDevice(deviceId: string): Promise<string> {
    return this.#signed(deviceId);
  }

  async forConnector(connectorId: string): Promise<string> {
    return this.#signed(connectorId);
  }

  isStreaming(id: string): boolean {
    return this.streams.get(id) !== undefined;
  }

  tunnel(id: string): PeerState | undefined {
    return this.dataPlane?.peer(id);
  }

  /** Of what the receiver should have; null when nothing is compiled for it. */
  wantedRevision(id: string): number | null {
    return this.#board?.entries.get(id)?.revision ?? null;
  }

  /** `keepEngine`: tunnels stay up, and the next start adopts them. */
  async close(options: { keepEngine: boolean }): Promise<void> {
    this.#unlisten();
    clearTimeout(this.#expiryTimer);
    clearInterval(this.#renewTimer);
    this.streams.close();
    await Promise.all([this.#refresh.stop(), this.#push.stop(), this.#announcements.stop()]);
    await (options.keepEngine ? this.dataPlane?.release() : this.dataPlane?.stop());
  }

  async #refreshNow(): Promise<void> {
    const { store, facts } = this.#options;
    const before = this.#board;
    const state = await readPolicy(store.db, before?.state);
    const now = store.clock();
    const health = healthOf(state, (id) => this.tunnel(id)?.isUp === true);
    const input = { state, gateway: facts, health, now };
    const board = await inSlices(compileBoard(input, before));
    this.#board = board;
    if (board.engine !== before?.engine) this.#configureEngine(board);
    this.#waitForExpiry(board, now);
    // Whoever asked for the board needs not wait until everybody has been sent theirs.
    this.#push.soon(0);
  }

  #configureEngine({ engine }: Board): void {
    void this.dataPlane?.apply(engine).catch((error: unknown) => {
      this.#options.log.error(
        { cause: error },
        'the engine refuses its configuration and keeps the last one',
      );
    });
  }

  async #pushNow(): Promise<void> {
    const breathe = breather();
    for (const stream of this.streams.all()) {
      // What is being compiled would be sent right after this, and somebody waits for it.
      await this.#refresh.idle();
      await this.#sender.bringUpToDate(stream);
      await breathe();
    }
  }

  async #signed(id: string): Promise<string> {
    const entry = (await this.board()).entries.get(id);
    if (entry) return this.#sender.sign(entry);
    throw new Refusal(
      403,
      'no-configuration',
      'There is no configuration for this any more. Sign in again.',
    );
  }

  /** Once a day everybody gets a fresh date, also who has not needed anything else for a month. */
  #renew(): void {
    for (const stream of this.streams.all()) stream.sentHash = undefined;
    this.#refresh.soon(0);
  }

  #waitForExpiry(board: Board, now: number): void {
    clearTimeout(this.#expiryTimer);
    if (board.nextExpiry === Number.POSITIVE_INFINITY) return;
    const wait = Math.min(MAX_TIMER_MS, board.nextExpiry - now + 1);
    this.#expiryTimer = setTimeout(() => this.#refresh.soon(0), wait).unref();
  }

  async #takeOpen(stream: Stream): Promise<void> {
    await this.board();
    await this.#sender.bringUpToDate(stream);
    await recordSeen(this.#options.store, stream);
    this.#announceStream(stream);
  }

  async #takeClose(stream: Stream): Promise<void> {
    await recordSeen(this.#options.store, stream);
    this.#announceStream(stream);
  }

  async #takeReply(stream: Stream, reply: StreamReply): Promise<void> {
    if (reply.type === 'health') return this.#takeHealth(stream, reply);
    const problem = reply.type === 'refused' ? reply.problem : null;
    const applied = reply.type === 'applied' ? { appliedRevision: reply.revision } : {};
    await recordSeen(this.#options.store, stream, { ...applied, problem });
    this.#announceStream(stream);
  }

  async #takeHealth(stream: Stream, reply: HealthReply): Promise<void> {
    if (stream.kind !== 'connector') return;
    const change = await recordHealth(this.#options.store, stream, reply);
    if (change !== 'same') this.#announcements.add('connectors');
    if (change === 'reach') this.#refresh.soon(COALESCE_MS);
  }

  #takePeers(): void {
    this.#announcements.add('devices');
    this.#announcements.add('connectors');
    this.#refresh.soon(HEALTH_COALESCE_MS);
  }

  #announceStream({ kind }: Stream): void {
    this.#announcements.add(kind === 'device' ? 'devices' : 'connectors');
  }

  /** What fails here concerns one stream or one tick; the next one tries again. */
  async #guard(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#options.log.error({ cause: error }, 'a stream’s message could not be handled');
    }
  }
}

/** A connector counts where its tunnel is up and it reaches something. */
function healthOf({ connectors }: Board['state'], isUp: (id: string) => boolean): Health {
  const byNetwork = Map.groupBy(connectors, ({ networkId }) => networkId);
  return new Map(
    [...byNetwork].map(([id, all]) => {
      const healthy = all.filter((one) => !one.reachesNothing && isUp(one.id));
      return [id, { healthy: healthy.length, total: all.length }];
    }),
  );
}
