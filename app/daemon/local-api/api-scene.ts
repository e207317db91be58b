/** The local API on a real socket of this process: who calls is what a test says, what was called is recorded. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { vi } from 'vitest';
import type { Status } from '../../contract/local-api.ts';
import { CALLS, type CallName, type Handlers } from './calls.ts';
import { buildLocalApi, type PeerCredentials } from './local-api.ts';
import { listenOnSocket } from './unix-socket.ts';

export interface Answer {
  status: number;
  json: unknown;
}

export class ApiScene {
  readonly folder = mkdtempSync(join(tmpdir(), 'culvert-api-'));
  readonly path = join(this.folder, 'run', 'culvertd.sock');
  /** As the kernel would say; null: it does not. */
  caller: PeerCredentials | null = { uid: 1000, gid: 1000, pid: 1 };
  /** To whoever watches. */
  tell: (status: Status) => void = () => undefined;
  readonly handlers: Handlers = {
    ...recordingHandlers(),
    watch: (listener) => {
      this.tell = listener;
      return () => undefined;
    },
  };
  readonly #app = this.build();

  static async open(): Promise<ApiScene> {
    const scene = new ApiScene();
    // As /run is: everybody may come this far, so that it is our own modes that keep strangers out.
    chmodSync(scene.folder, 0o755);
    await scene.#app.ready();
    await listenOnSocket(scene.#app.server, { path: scene.path, groupId: null });
    return scene;
  }

  /** Another API of the same daemon, that listens nowhere yet. */
  build(): FastifyInstance {
    const log = { debug: () => undefined, warn: () => undefined };
    return buildLocalApi({ handlers: this.handlers, credentialsOf: () => this.caller, log });
  }

  async close(): Promise<void> {
    await this.#app.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  call(
    method: string,
    url: string,
    content?: object | string,
    headers: object = {},
  ): Promise<Answer> {
    const text = typeof content === 'object' ? JSON.stringify(content) : content;
    const type = text === undefined ? {} : { 'content-type': 'application/json' };
    const all = { host: 'culvertd', ...type, ...headers };
    const options = {
      socketPath: this.path,
      method,
      path: url,
      headers: all,
      agent: false as const,
    };
    return new Promise((resolve, reject) => {
      const sent = request(
        options,
        (answer) =>
          void read(answer).then(
            (whole) => resolve({ status: answer.statusCode ?? 0, json: JSON.parse(whole) }),
            reject,
          ),
      );
      sent.once('error', reject);
      sent.end(text);
    });
  }

  sendRaw(bytes: string): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(this.path, () => socket.end(bytes));
      socket.on('error', () => undefined);
      socket.once('close', () => resolve());
      socket.resume();
    });
  }

  async openEvents(): Promise<{ next(): Promise<string>; close(): void }> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = {
        socketPath: this.path,
        path: '/v1/events',
        headers: { host: 'culvertd' },
        agent: false as const,
      };
      request(options, resolve).once('error', reject).end();
    });
    const chunks = answer[Symbol.asyncIterator]();
    return {
      next: async () => String((await chunks.next()).value),
      close: () => answer.destroy(),
    };
  }
}

/** Signed out and off. */
export function status(): Status {
  return {
    version: '0.1.0',
    account: { kind: 'signed-out', problem: null },
    wanted: 'off',
    pausedUntil: null,
    tunnel: { kind: 'off' },
    path: null,
    networks: [],
    lists: null,
    notices: [],
    traffic: { rxBytes: 0, txBytes: 0 },
  };
}

/** What each call takes. */
export function bodyOf(name: CallName): object | undefined {
  if (CALLS[name].method === 'GET') return undefined;
  const bodies: Partial<Record<CallName, object>> = {
    startLogin: { link: 'gateway.example', redirectPort: 8080 },
    finishLogin: { loginId: 'id', callback: 'code=1&state=2' },
    why: { destination: '192.168.0.10' },
    pause: { seconds: 60 },
  };
  return bodies[name] ?? {};
}

function recordingHandlers(): Omit<Handlers, 'watch'> {
  const answers = {
    startLogin: { loginId: 'id', authorizeUrl: 'https://gateway.example/auth' },
    why: {
      destination: 'x',
      address: null,
      path: 'direct',
      reachable: 'unknown',
      summary: { code: 'x', detail: {} },
      steps: [],
    },
    routes: { defaultPath: 'direct', routes: [] },
    repair: { undone: [], kept: [] },
  };
  const names = Object.keys(CALLS) as CallName[];
  const calls = names.map((name) => [
    name,
    vi.fn(async () => answers[name as 'routes'] ?? status()),
  ]);
  return Object.fromEntries(calls) as Omit<Handlers, 'watch'>;
}

async function read(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return text;
}
