/** One call to culvertd over its Unix socket; nothing is sent before it is known that root answers. */
import { lstatSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { userInfo } from 'node:os';
import { Fault, reasonOf } from '../contract/problem.ts';
import type { ReadCredentials } from '../peer/peer-credentials.ts';

export interface LocalCall {
  socketPath: string;
  method: 'GET' | 'POST';
  path: string;
  body?: unknown;
  signal?: AbortSignal;
  credentialsOf: ReadCredentials;
}

/** Answers once the headers are there; throws a Fault where nothing usable answers. */
export async function openCall(call: LocalCall): Promise<IncomingMessage> {
  assertOwner(call.socketPath);
  try {
    return await send(call);
  } catch (cause) {
    throw faultOf(cause, call.socketPath);
  }
}

function send(call: LocalCall): Promise<IncomingMessage> {
  const { socketPath, method, path, signal } = call;
  const text = method === 'POST' ? JSON.stringify(call.body ?? {}) : undefined;
  return new Promise((resolve, reject) => {
    const sent = request({
      socketPath,
      method,
      path,
      agent: false,
      headers: {
        host: 'culvertd',
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      },
      ...(signal ? { signal } : {}),
    });
    sent.once('response', resolve);
    sent.once('error', reject);
    sent.once('socket', (socket: Socket) => sendWhenRoot(sent, socket, text, call));
  });
}

/** A link in a captured directory could lead to anybody's socket; the kernel knows who listens. */
function sendWhenRoot(
  sent: ClientRequest,
  socket: Socket,
  text: string | undefined,
  call: LocalCall,
): void {
  const go = (): void => {
    const peer = call.credentialsOf(socket);
    if (!isTrusted(peer?.uid ?? Number.NaN)) {
      const { socketPath } = call;
      const code = peer === null ? 'daemon-unverified' : 'daemon-not-root';
      sent.destroy(new Fault(code, { socket: socketPath, uid: peer?.uid ?? '?' }));
      return;
    }
    sent.end(text);
  };
  if (socket.connecting) socket.once('connect', go);
  else go();
}

/** Before anything is opened: only root makes a socket in root's directory. */
function assertOwner(socketPath: string): void {
  let uid: number;
  try {
    uid = lstatSync(socketPath).uid;
  } catch (cause) {
    throw faultOf(cause, socketPath);
  }
  if (!isTrusted(uid)) throw new Fault('daemon-not-root', { socket: socketPath, uid });
}

/** Root, or a daemon that one runs oneself: nobody gains by deceiving himself. */
function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.getuid?.();
}

function faultOf(cause: unknown, socket: string): Fault {
  if (cause instanceof Fault) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTDIR':
      return new Fault('daemon-not-running', { socket }, cause);
    case 'EACCES':
    case 'EPERM':
      return new Fault('daemon-not-permitted', { user: userName() }, cause);
    case 'ECONNRESET':
    case 'EPIPE':
      return new Fault('daemon-gone', {}, cause);
    default:
      return new Fault('daemon-answer', { reason: reasonOf(cause) }, cause);
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `#${process.getuid?.() ?? 0}`;
  }
}
