/**
 * The WebSockets of devices and connectors: one for each, authenticated before the upgrade, with limits on what one may
 * send (T39), and noticed dead within 45 s (R16).
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyBaseLogger } from 'fastify';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { MAX_BODY_BYTES, MAX_SNAPSHOT_BYTES } from '../../contract/constants.ts';
import { type StreamMessage, StreamReply } from '../../contract/device-api.ts';
import { PROOF_HEADER } from '../../contract/proof.ts';
import type { Proofs } from '../enrol/proof.ts';
import { Refusal } from '../http/fault.ts';
import type { PeerKind } from '../store/database.ts';

export interface StreamsOptions {
  proofs: Proofs;
  log: FastifyBaseLogger;
  onOpen: (stream: Stream) => void;
  onReply: (stream: Stream, reply: StreamReply) => void;
  onClose: (stream: Stream) => void;
  limits?: Partial<StreamLimits>;
}

export interface StreamLimits {
  pingMs: number;
  deadMs: number;
  /** Streams at once, on this gateway. */
  streams: number;
  /** Upgrades whose proof is being checked at once. */
  pendingUpgrades: number;
  /** Messages that one may send at a time, and how many it earns back in a second. */
  burst: number;
  perSecond: number;
}

const LIMITS: StreamLimits = {
  pingMs: 15_000,
  deadMs: 45_000,
  streams: 20_000,
  pendingUpgrades: 512,
  burst: 40,
  perSecond: 4,
};

export interface Stream {
  readonly id: string;
  readonly kind: PeerKind;
  readonly openedAt: number;
  /** Hash of the content sent last; undefined before the first. */
  sentHash: string | undefined;
  isBeingSent: boolean;
  send(message: StreamMessage): void;
  end(reason: 'removed' | 'session-expired' | 'replaced'): void;
}

const PATHS: Record<string, PeerKind> = {
  '/v1/device/stream': 'device',
  '/v1/connector/stream': 'connector',
};

export class Streams {
  readonly #options: StreamsOptions;
  readonly #limits: StreamLimits;
  readonly #byId = new Map<string, OpenStream>();
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_BODY_BYTES,
    clientTracking: false,
  });
  readonly #timer: NodeJS.Timeout;
  #pending = 0;

  constructor(options: StreamsOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#timer = setInterval(() => this.#beat(), this.#limits.pingMs).unref();
  }

  get(id: string): Stream | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<Stream> {
    return this.#byId.values();
  }

  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      void this.#upgrade(request, socket, head);
    });
  }

  /** Restart of this gateway: the others come back by themselves, each after a wait of its own. */
  close(): void {
    clearInterval(this.#timer);
    for (const stream of this.#byId.values()) stream.goAway();
    this.#byId.clear();
    this.#server.close();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const kind = PATHS[request.url ?? ''];
    if (!kind) {
      answer(socket, 404, 'not-found', 'There is no stream at this address.');
    } else if (this.#isFull()) {
      answer(socket, 503, 'busy', 'The gateway has no room for another stream right now.');
    } else {
      await this.#admit(kind, request, socket, head);
    }
  }

  async #admit(
    kind: PeerKind,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    this.#pending += 1;
    try {
      const peer = await this.#options.proofs.peer(callOf(request), kind);
      this.#server.handleUpgrade(request, socket, head, (web) => this.#open(peer.id, kind, web));
    } catch (error) {
      this.#refuse(socket, error);
    } finally {
      this.#pending -= 1;
    }
  }

  #isFull(): boolean {
    return this.#byId.size >= this.#limits.streams || this.#pending >= this.#limits.pendingUpgrades;
  }

  #refuse(socket: Duplex, error: unknown): void {
    if (error instanceof Refusal) {
      answer(socket, error.status, error.code, error.message);
      return;
    }
    this.#options.log.error({ cause: error }, 'a stream could not be opened');
    answer(socket, 503, 'unexpected', 'The gateway failed at this. Try again.');
  }

  /** The newest socket of a device wins: its older one is a half-open remnant, or a copy of its state (R35). */
  #open(id: string, kind: PeerKind, web: WebSocket): void {
    this.#byId.get(id)?.end('replaced');
    const stream: OpenStream = new OpenStream(id, kind, web, this.#limits);
    this.#byId.set(id, stream);
    web.on('message', (data) => this.#take(stream, data));
    web.on('close', () => {
      if (this.#byId.get(id) === stream) this.#byId.delete(id);
      this.#options.onClose(stream);
    });
    this.#options.onOpen(stream);
  }

  #take(stream: OpenStream, data: RawData): void {
    stream.isAlive();
    if (!stream.mayTake()) {
      stream.drop();
      return;
    }
    const reply = StreamReply.safeParse(parse(data));
    // Unknown messages of a newer receiver are passed over.
    if (reply.success) this.#options.onReply(stream, reply.data);
  }

  #beat(): void {
    const now = Date.now();
    for (const stream of this.#byId.values()) {
      if (now - stream.heardAt > this.#limits.deadMs) stream.drop();
      else stream.ping();
    }
  }
}

class OpenStream implements Stream {
  readonly id: string;
  readonly kind: PeerKind;
  readonly openedAt = Date.now();
  sentHash: string | undefined = undefined;
  isBeingSent = false;
  heardAt = Date.now();
  readonly #web: WebSocket;
  readonly #limits: StreamLimits;
  #allowance: number;
  #allowanceAt = Date.now();

  constructor(id: string, kind: PeerKind, web: WebSocket, limits: StreamLimits) {
    this.id = id;
    this.kind = kind;
    this.#web = web;
    this.#limits = limits;
    this.#allowance = limits.burst;
    web.on('pong', () => this.isAlive());
    // 'close' follows, and tells the rest.
    web.on('error', () => {});
  }

  isAlive(): void {
    this.heardAt = Date.now();
  }

  /** A token bucket. */
  mayTake(): boolean {
    const now = Date.now();
    const earned = ((now - this.#allowanceAt) / 1000) * this.#limits.perSecond;
    this.#allowance = Math.min(this.#limits.burst, this.#allowance + earned) - 1;
    this.#allowanceAt = now;
    return this.#allowance >= 0;
  }

  /** Who does not read is let go, rather than kept in memory: it gets everything when it is back. */
  send(message: StreamMessage): void {
    if (this.#web.bufferedAmount > 2 * MAX_SNAPSHOT_BYTES) this.drop();
    else this.#web.send(JSON.stringify(message));
  }

  end(reason: 'removed' | 'session-expired' | 'replaced'): void {
    this.send({ type: 'ended', reason });
    this.#web.close(1000, reason);
    setTimeout(() => this.#web.terminate(), CLOSE_PATIENCE_MS).unref();
  }

  goAway(): void {
    this.#web.close(1001, 'the gateway restarts');
    setTimeout(() => this.#web.terminate(), CLOSE_PATIENCE_MS).unref();
  }

  ping(): void {
    this.#web.ping();
  }

  /** It is silent, floods us, or does not read. */
  drop(): void {
    this.#web.terminate();
  }
}

const CLOSE_PATIENCE_MS = 1000;

function callOf(request: IncomingMessage) {
  const proof = request.headers[PROOF_HEADER];
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    body: '',
    proof: typeof proof === 'string' ? proof : undefined,
  };
}

/** ws hands over a Buffer unless told otherwise. */
function parse(data: RawData): unknown {
  try {
    return JSON.parse((data as Buffer).toString('utf8'));
  } catch {
    return undefined;
  }
}

const REASONS: Record<number, string> = { 401: 'Unauthorized', 404: 'Not Found' };

function answer(socket: Duplex, status: number, code: string, message: string): void {
  const body = JSON.stringify({ code, message });
  const retry = status === 503 ? 'Retry-After: 5\r\n' : '';
  socket.end(
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Service Unavailable'}\r\nContent-Type: application/json\r\n` +
      `${retry}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
