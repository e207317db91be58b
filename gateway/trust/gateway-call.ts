/** One JSON call to a gateway over a given agent, with a time limit and a size limit: its answer is untrusted input. */

import type { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { type Agent, request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { MAX_SNAPSHOT_BYTES } from '../contract/constants.ts';
import { ProblemBody } from '../contract/problem.ts';

export interface GatewayCall {
  /** Origin, no trailing slash. */
  gateway: string;
  /** Path and query, exactly as the proof signs it. */
  path: string;
  method: 'GET' | 'POST';
  /** Sent as it is, so that a proof over its bytes holds. */
  body?: string;
  headers?: Record<string, string>;
  /** Without one, Node's own rules: a publicly trusted certificate. */
  agent?: Agent;
  timeoutMs?: number;
  /** Largest answer, in bytes. */
  maxBytes?: number;
}

export interface GatewayAnswer {
  status: number;
  text: string;
  headers: IncomingHttpHeaders;
  certificate: X509Certificate | undefined;
  retryAfterSeconds: number | undefined;
}

/** Rejects only when no answer came: then the error is the network's or a `PinMismatch`. */
export function callGateway(call: GatewayCall): Promise<GatewayAnswer> {
  const timeoutMs = call.timeoutMs ?? 10_000;
  return new Promise((resolve, reject) => {
    const sent = request(
      call.gateway + call.path,
      {
        method: call.method,
        headers: headersOf(call),
        signal: AbortSignal.timeout(timeoutMs),
        ...(call.agent ? { agent: call.agent } : {}),
      },
      (answer) => collect(answer, call.maxBytes ?? MAX_SNAPSHOT_BYTES).then(resolve, reject),
    );
    sent.once('error', (error) => reject(isTimeout(error) ? slowness(timeoutMs) : error));
    sent.end(call.body);
  });
}

/** The refusal's own sentence, or the status where the body is not a refusal of ours. */
export function problemOf(answer: GatewayAnswer): ProblemBody {
  const body = ProblemBody.safeParse(parseJson(answer.text));
  if (body.success) return body.data;
  return {
    code: `http-${answer.status}`,
    message: `The gateway answered with status ${answer.status}.`,
  };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function headersOf(call: GatewayCall): Record<string, string> {
  const json = call.body === undefined ? {} : { 'content-type': 'application/json' };
  return { accept: 'application/json', ...json, ...call.headers };
}

async function collect(answer: IncomingMessage, maxBytes: number): Promise<GatewayAnswer> {
  const certificate = (answer.socket as TLSSocket).getPeerX509Certificate();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`The gateway’s answer is larger than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  const wait = Number(answer.headers['retry-after'] ?? Number.NaN);
  return {
    status: answer.statusCode ?? 0,
    text: Buffer.concat(chunks).toString('utf8'),
    headers: answer.headers,
    certificate,
    retryAfterSeconds: Number.isFinite(wait) ? wait : undefined,
  };
}

function isTimeout(error: Error): boolean {
  return error.name === 'AbortError' || error.name === 'TimeoutError';
}

function slowness(timeoutMs: number): Error {
  return new Error(`it did not answer within ${timeoutMs / 1000} s`);
}
