/**
 * The configuration stream: one WebSocket that brings snapshots and carries back what became of them. It comes back by
 * itself; traffic does not depend on it.
 */
import type { IncomingMessage } from 'node:http';
import type { Agent } from 'node:https';
import WebSocket from 'ws';
import { MAX_SNAPSHOT_BYTES } from '../../../gateway/contract/constants.ts';
import { StreamMessage, type StreamReply } from '../../../gateway/contract/device-api.ts';
import { ProblemBody } from '../../../gateway/contract/problem.ts';
import { PROOF_HEADER } from '../../../gateway/contract/proof.ts';
import { parseJson } from '../../../gateway/trust/gateway-call.ts';
import type { Identity } from '../../../gateway/trust/identity.ts';
import { networkReason } from '../../../gateway/trust/network-error.ts';
import { makeProof } from '../../../gateway/trust/proof.ts';
import { PinMismatch, pinnedAgent } from '../../../gateway/trust/tls-pin.ts';
import { backoff } from './backoff.ts';
import type { SessionLog } from './membership.ts';

export interface StreamTarget {
  gateway: string;
  tlsKeys: readonly string[];
  deviceId: string;
  identity: Identity;
}

export interface StreamListener {
  onSnapshot(jws: string): void;
  onEnded(reason: 'removed' | 'session-expired' | 'replaced'): void;
  /** The TLS key is not one that the organisation named: maybe it named a new one since. */
  onUnknownKey(): void;
  onConnection(isConnected: boolean, reason: string | null): void;
}

const PATH = '/v1/device/stream';
const PING_MS = 15_000;
/** Three pings without a sign of life: the connection is half-open (R16). */
const SILENCE_MS = 45_000;
const HANDSHAKE_MS = 10_000;
/** A connection that lived this long was a good one: the next failure starts counting anew. */
const STEADY_MS = 30_000;
const LONGEST_WAIT_MS = 5 * 60_000;
/** The JSON around a snapshot: `{"type":"snapshot","snapshot":"…"}` and room for fields to come. */
const ENVELOPE_BYTES = 4096;

export class ConfigStream {
  readonly #target: StreamTarget;
  readonly #listener: StreamListener;
  readonly #log: SessionLog;
  readonly #agent: Agent;
  #socket: WebSocket | null = null;
  #retry: NodeJS.Timeout | null = null;
  #pulse: NodeJS.Timeout | null = null;
  #heardAt = 0;
  #openedAt = 0;
  #attempt = 0;
  #retryAfterMs = 0;
  #isClosed = false;

  constructor(target: StreamTarget, listener: StreamListener, log: SessionLog) {
    this.#target = target;
    this.#listener = listener;
    this.#log = log;
    this.#agent = pinnedAgent(target.tlsKeys);
    void this.#connect();
  }

  reply(message: StreamReply): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** The network changed or the computer woke up: the old connection is dead more often than not. */
  renew(): void {
    if (this.#isClosed) return;
    this.#attempt = 0;
    this.#retryAfterMs = 0;
    if (this.#socket) this.#socket.terminate();
    else this.#connectSoon(0);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#retry) clearTimeout(this.#retry);
    if (this.#pulse) clearInterval(this.#pulse);
    this.#socket?.terminate();
    this.#agent.destroy();
  }

  async #connect(): Promise<void> {
    this.#retry = null;
    const { gateway, identity, deviceId } = this.#target;
    const proof = await makeProof(identity, deviceId, { method: 'GET', path: PATH, body: '' });
    if (this.#isClosed) return;
    const socket = new WebSocket(gateway.replace(/^http/, 'ws') + PATH, {
      agent: this.#agent,
      headers: { [PROOF_HEADER]: proof },
      maxPayload: MAX_SNAPSHOT_BYTES + ENVELOPE_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
      handshakeTimeout: HANDSHAKE_MS,
    });
    this.#socket = socket;
    this.#attach(socket);
  }

  #attach(socket: WebSocket): void {
    let reason: string | null = null;
    socket.once('open', () => this.#opened(socket));
    // Without perMessageDeflate and with the default binaryType, what arrives is one Buffer.
    socket.on('message', (data) => this.#received((data as Buffer).toString('utf8')));
    socket.on('ping', () => this.#heard());
    socket.on('pong', () => this.#heard());
    socket.once('unexpected-response', (_request, answer) => {
      void this.#refused(answer).then((why) => {
        reason = why;
        socket.terminate();
      });
    });
    socket.on('error', (error) => {
      reason ??= networkReason(error);
      if (error instanceof PinMismatch) this.#listener.onUnknownKey();
    });
    socket.once('close', (code) => this.#closed(reason ?? `it closed the connection (${code})`));
  }

  #opened(socket: WebSocket): void {
    this.#heard();
    this.#openedAt = Date.now();
    this.#pulse = setInterval(() => this.#beat(socket), PING_MS);
    this.#listener.onConnection(true, null);
  }

  #beat(socket: WebSocket): void {
    if (performance.now() - this.#heardAt > SILENCE_MS) socket.terminate();
    else socket.ping();
  }

  #heard(): void {
    this.#heardAt = performance.now();
  }

  #received(text: string): void {
    this.#heard();
    const message = StreamMessage.safeParse(parseJson(text));
    if (!message.success) {
      // A newer gateway may say things that this version has no ear for.
      this.#log.debug({ bytes: text.length }, 'a stream message was not understood');
      return;
    }
    if (message.data.type === 'snapshot') this.#listener.onSnapshot(message.data.snapshot);
    else this.#listener.onEnded(message.data.reason);
  }

  /** Instead of a WebSocket the gateway said why not. */
  async #refused(answer: IncomingMessage): Promise<string> {
    const wait = Number(answer.headers['retry-after'] ?? 0);
    if (Number.isFinite(wait) && wait > 0)
      this.#retryAfterMs = Math.min(wait * 1000, LONGEST_WAIT_MS);
    const problem = ProblemBody.safeParse(parseJson(await readSome(answer)));
    if (!problem.success) return `its answer has status ${answer.statusCode ?? 0}`;
    if (problem.data.code === 'unknown-device') this.#listener.onEnded('removed');
    if (problem.data.code === 'session-expired') this.#listener.onEnded('session-expired');
    return problem.data.message.replace(/\.$/, '');
  }

  #closed(reason: string): void {
    this.#socket = null;
    if (this.#pulse) clearInterval(this.#pulse);
    this.#pulse = null;
    if (this.#isClosed) return;
    if (this.#openedAt > 0 && Date.now() - this.#openedAt > STEADY_MS) this.#attempt = 0;
    this.#openedAt = 0;
    this.#listener.onConnection(false, reason);
    this.#connectSoon(this.#retryAfterMs + backoff(this.#attempt));
    this.#attempt += 1;
    this.#retryAfterMs = 0;
  }

  #connectSoon(delayMs: number): void {
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), delayMs);
  }
}

async function readSome(answer: IncomingMessage): Promise<string> {
  let text = '';
  answer.setEncoding('utf8');
  try {
    for await (const chunk of answer as AsyncIterable<string>) {
      text += chunk;
      if (text.length > 8192) break;
    }
  } catch {
    // Half a refusal says as much as none.
  }
  return text;
}
