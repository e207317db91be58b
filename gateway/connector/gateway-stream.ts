/** One WebSocket to the gateway, from its opening to its end; `run.ts` decides whether there is a next one. */
import { type RawData, WebSocket } from 'ws';
import { MAX_SNAPSHOT_BYTES } from '../contract/constants.ts';
import { StreamMessage, type StreamReply } from '../contract/device-api.ts';
import { ProblemBody } from '../contract/problem.ts';
import { PROOF_HEADER } from '../contract/proof.ts';
import { parseJson } from '../trust/gateway-call.ts';
import type { Identity } from '../trust/identity.ts';
import { networkReason } from '../trust/network-error.ts';
import { makeProof } from '../trust/proof.ts';
import { PinMismatch, pinnedAgent } from '../trust/tls-pin.ts';

export interface StreamOptions {
  gateway: string;
  tlsKeys: readonly string[];
  identity: Identity;
  connectorId: string;
  onOpen: (send: (reply: StreamReply) => void) => void;
  onMessage: (message: StreamMessage) => void;
  signal: AbortSignal;
}

export type StreamEnd =
  | { kind: 'lost'; why: string; retryAfterMs: number }
  /** The gateway answers with a TLS key that is not known yet. */
  | { kind: 'other-tls-key' }
  | { kind: 'refused'; code: string; message: string }
  | { kind: 'stopped' };

const PATH = '/v1/connector/stream';
/** The gateway pings every 15 s; three missed ones mean that nobody is there (R16). */
const SILENCE_MS = 45_000;
const OPEN_PATIENCE_MS = 10_000;

export async function followStream(options: StreamOptions): Promise<StreamEnd> {
  const { gateway, identity, connectorId, tlsKeys } = options;
  const proof = await makeProof(identity, connectorId, { method: 'GET', path: PATH, body: '' });
  const agent = pinnedAgent(tlsKeys);
  const socket = new WebSocket(gateway.replace(/^https/, 'wss') + PATH, {
    agent,
    headers: { [PROOF_HEADER]: proof },
    handshakeTimeout: OPEN_PATIENCE_MS,
    // A snapshot, in its message.
    maxPayload: MAX_SNAPSHOT_BYTES + 1024,
    perMessageDeflate: false,
    followRedirects: false,
  });
  return new Promise<StreamEnd>((resolve) => attend(socket, options, resolve)).finally(() => {
    socket.terminate();
    agent.destroy();
  });
}

function attend(
  socket: WebSocket,
  options: StreamOptions,
  resolve: (end: StreamEnd) => void,
): void {
  let silence = setTimeout(() => {}, 0);
  const heard = (): void => {
    clearTimeout(silence);
    silence = setTimeout(
      () => finish(lost('the gateway has been silent for too long')),
      SILENCE_MS,
    );
  };
  const stop = (): void => finish({ kind: 'stopped' });
  const finish = (end: StreamEnd): void => {
    clearTimeout(silence);
    options.signal.removeEventListener('abort', stop);
    resolve(end);
  };
  options.signal.addEventListener('abort', stop);
  if (options.signal.aborted) stop();
  socket.on('open', () => {
    heard();
    options.onOpen((reply) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(reply));
    });
  });
  socket.on('ping', heard);
  socket.on('message', (data) => {
    heard();
    const message = StreamMessage.safeParse(parseJson(textOf(data)));
    if (message.success) options.onMessage(message.data);
  });
  socket.on('unexpected-response', (_request, response) => {
    let text = '';
    response.on('data', (chunk) => {
      text = (text + String(chunk)).slice(0, 4000);
    });
    response.on('end', () =>
      finish(refusalOf(response.statusCode ?? 0, text, response.headers['retry-after'])),
    );
    response.on('error', () => finish(lost('the gateway’s answer broke off')));
  });
  socket.on('error', (error) =>
    finish(error instanceof PinMismatch ? { kind: 'other-tls-key' } : lost(networkReason(error))),
  );
  socket.on('close', (_code, reason) => finish(lost(String(reason) || 'the connection ended')));
}

function refusalOf(status: number, text: string, retryAfter: string | undefined): StreamEnd {
  const problem = ProblemBody.safeParse(parseJson(text)).data;
  if (status === 401 && problem) return { kind: 'refused', ...problem };
  const seconds = Number(retryAfter ?? 0);
  const why = problem?.message ?? `the gateway answered with status ${status}`;
  return { kind: 'lost', why, retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : 0 };
}

function lost(why: string): StreamEnd {
  return { kind: 'lost', why, retryAfterMs: 0 };
}

function textOf(data: RawData): string {
  return Array.isArray(data)
    ? Buffer.concat(data).toString('utf8')
    : Buffer.from(data as Buffer).toString('utf8');
}
