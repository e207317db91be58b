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
import type { Store, Topic } from '../store/store.ts';
import { type Board, compileBoard, type Entry } from './board.ts';
import { ConnectorHealth, type HealthReply, healthColumn } from './connector-health.ts';
import { readPolicy } from './read-policy.ts';
import { breather, inSlices } from './slices.ts';
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
const ANNOUNCE_MS = 200;
const SETTLE_MS = 1000;
/** Long enough to sit out a dead control plane (R1), short enough that a stolen snapshot ages. */
const SNAPSHOT_LIFETIME_MS = 30 * 86_400_000;
const MAX_TIMER_MS = 2 ** 31 - 1;

export class Live implements Snapshots {
  readonly streams: Streams;
  readonly dataPlane: DataPlane | undefined;
  readonly #options: LiveOptions;
  readonly #refresh: Ticker;
  readonly #push: Ticker;
  readonly #announcement: Ticker;
  readonly #topics = new Set<Topic>();
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
    this.#announcement = new Ticker(() => this.#announceNow(), onFailure);
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
    await Promise.all([this.#refresh.stop(), this.#push.stop(), this.#announcement.stop()]);
    await (options.keepEngine ? this.dataPlane?.release() : this.dataPlane?.stop());
  }

  async #refreshNow(): Promise<void> {
    const { store, facts } = this.#options;
    const before = this.#board;
    const state = await readPolicy(store.db, before?.state);
    const now = store.clock();
    const input = { state, gateway: facts, health: this.#health(state), now };
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
      await this.#bringUpToDate(stream);
      await breathe();
    }
  }

  #health(state: Board['state']): Health {
    const byNetwork = Map.groupBy(state.connectors, ({ networkId }) => networkId);
    return new Map(
      [...byNetwork].map(([id, all]) => {
        const healthy = all.filter((one) => !one.reachesNothing && this.tunnel(one.id)?.isUp);
        return [id, { healthy: healthy.length, total: all.length }];
      }),
    );
  }

  /** One sender a stream, which goes on until it is current: else an older snapshot could overtake a newer one. */
  async #bringUpToDate(stream: Stream): Promise<void> {
    if (stream.isBeingSent) return;
    stream.isBeingSent = true;
    try {
      for (let entry = this.#due(stream); entry; entry = this.#due(stream)) {
        stream.sentHash = entry.hash;
        stream.send({ type: 'snapshot', snapshot: await this.#sign(entry) });
      }
    } finally {
      stream.isBeingSent = false;
    }
  }

  /** What it should get next; ends it when there is nothing for it any more. */
  #due(stream: Stream): Entry | undefined {
    const board = this.#board;
    if (!board) return undefined;
    const entry = board.entries.get(stream.id);
    if (!entry) stream.end(this.#endReason(stream, board));
    return entry?.hash === stream.sentHash ? undefined : entry;
  }

  #endReason(stream: Stream, board: Board): 'removed' | 'session-expired' {
    const isKnown = board.state.devices.some(({ id }) => id === stream.id);
    return isKnown ? 'session-expired' : 'removed';
  }

  async #signed(id: string): Promise<string> {
    const entry = (await this.board()).entries.get(id);
    if (entry) return this.#sign(entry);
    throw new Refusal(
      403,
      'no-configuration',
      'There is no configuration for this any more. Sign in again.',
    );
  }

  #sign(entry: Entry): Promise<string> {
    const issuedAt = this.#options.store.clock();
    return this.#options.trust.signSnapshot({
      ...entry.content,
      revision: entry.revision,
      issuedAt,
      expiresAt: issuedAt + SNAPSHOT_LIFETIME_MS,
    });
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
    await this.#bringUpToDate(stream);
    await this.#touch(stream);
    this.#announce(stream.kind === 'device' ? 'devices' : 'connectors');
  }

  async #takeClose(stream: Stream): Promise<void> {
    await this.#touch(stream);
    this.#announce(stream.kind === 'device' ? 'devices' : 'connectors');
  }

  async #takeReply(stream: Stream, reply: StreamReply): Promise<void> {
    if (reply.type === 'health') return this.#takeHealth(stream, reply);
    const problem = reply.type === 'refused' ? reply.problem : null;
    const applied = reply.type === 'applied' ? { appliedRevision: reply.revision } : {};
    await this.#update(stream, { ...applied, problem });
    this.#announce(stream.kind === 'device' ? 'devices' : 'connectors');
  }

  async #takeHealth(stream: Stream, reply: HealthReply): Promise<void> {
    if (stream.kind !== 'connector') return;
    const { db } = this.#options.store;
    const row = await db
      .selectFrom('connectors')
      .select('health')
      .where('id', '=', stream.id)
      .executeTakeFirst();
    const health = healthColumn(reply);
    await this.#update(stream, health === row?.health ? {} : { health });
    if (!row || health === row.health) return;
    this.#announce('connectors');
    const [before, after] = [ConnectorHealth.of(row.health), ConnectorHealth.of(health)];
    if (before.reachesNothing !== after.reachesNothing) this.#refresh.soon(COALESCE_MS);
  }

  #touch(stream: Stream): Promise<void> {
    return this.#update(stream, {});
  }

  async #update(
    stream: Stream,
    values: { appliedRevision?: number; problem?: string | null; health?: string },
  ): Promise<void> {
    const { db, clock } = this.#options.store;
    const { health, ...shared } = values;
    const seen = { ...shared, lastSeenAt: clock() };
    if (stream.kind === 'device') {
      await db.updateTable('devices').set(seen).where('id', '=', stream.id).execute();
    } else {
      const all = health === undefined ? seen : { ...seen, health };
      await db.updateTable('connectors').set(all).where('id', '=', stream.id).execute();
    }
  }

  #takePeers(): void {
    this.#announce('devices');
    this.#announce('connectors');
    this.#refresh.soon(HEALTH_COALESCE_MS);
  }

  #announce(topic: Topic): void {
    this.#topics.add(topic).add('overview');
    this.#announcement.soon(ANNOUNCE_MS);
  }

  async #announceNow(): Promise<void> {
    const topics = [...this.#topics];
    this.#topics.clear();
    if (topics.length > 0) await this.#options.store.announce(topics);
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
