import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Status } from '../../contract/local-api.ts';
import { Fault } from '../../contract/problem.ts';
import { CALLS, type CallName, type Handlers } from './calls.ts';
import { buildLocalApi, type PeerCredentials } from './local-api.ts';
import { findGroup, listenOnSocket } from './unix-socket.ts';

let folder: string;
let path: string;
let app: FastifyInstance;
let caller: PeerCredentials | null;
let handlers: Handlers;
let tell: (status: Status) => void;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-api-'));
  // As /run is: everybody may come this far, so that it is our own modes that keep strangers out.
  chmodSync(folder, 0o755);
  path = join(folder, 'run', 'culvertd.sock');
  caller = { uid: 1000, gid: 1000, pid: 1 };
  tell = () => undefined;
  handlers = recordingHandlers();
  app = build();
  await app.ready();
  await listenOnSocket(app.server, { path, groupId: null });
});
afterEach(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('who may call what', () => {
  const matrix = (Object.keys(CALLS) as CallName[]).flatMap((name) =>
    [0, 1000].map((uid) => ({ name, uid, isAllowed: CALLS[name].who === 'group' || uid === 0 })),
  );

  test.each(matrix)(
    '$name by uid $uid: allowed is $isAllowed',
    async ({ name, uid, isAllowed }) => {
      caller = { uid, gid: uid, pid: 1 };

      const answer = await call(CALLS[name].method, CALLS[name].path, body(name));

      expect(answer.status).toBe(isAllowed ? 200 : 403);
      expect(handlers[name]).toHaveBeenCalledTimes(isAllowed ? 1 : 0);
      if (isAllowed) expect(vi.mocked(handlers[name]).mock.calls[0]?.[1]).toBe(uid);
      else expect(answer.json).toEqual({ problem: { code: 'root-only', detail: {} } });
    },
  );

  test('a caller whom the kernel does not name gets no answer at all', async () => {
    caller = null;

    await expect(call('GET', '/v1/status')).rejects.toThrow(/socket hang up|ECONNRESET|EPIPE/);
    expect(handlers.status).not.toHaveBeenCalled();
  });

  test('only the owner and the group can reach the socket, and it was never wider', () => {
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(statSync(join(folder, 'run')).mode & 0o777).toBe(0o750);
  });

  test.runIf(process.getuid?.() === 0)('a stranger cannot even connect', async () => {
    const stranger = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const curl = [
      'curl',
      '-sS',
      '--max-time',
      '2',
      '--unix-socket',
      path,
      'http://localhost/v1/status',
    ];
    // Not the synchronous form: the server under test lives in this very process.
    const ask = promisify(execFile)('setpriv', [...stranger, ...curl]);

    await expect(ask).rejects.toThrow(/Permission denied|Couldn't connect|Could not connect/);
    expect(handlers.status).not.toHaveBeenCalled();
  });

  test('a second daemon leaves the first one its socket', async () => {
    const second = build();
    await second.ready();

    await expect(listenOnSocket(second.server, { path, groupId: null })).rejects.toMatchObject({
      code: 'already-running',
    });
    expect((await call('GET', '/v1/status')).status).toBe(200);
    await second.close();
  });

  test('the group is found by its name, and a group that only begins like it is not', () => {
    expect(findGroup('root')).toBe(0);
    expect(findGroup('roo')).toBeNull();
  });
});

describe('what a web page could send', () => {
  test.each([
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { referer: 'https://evil.example/' },
    { 'sec-fetch-mode': 'cors' },
    { host: 'evil.example' },
    { host: '127.0.0.1' },
    { host: 'localhost.evil.example' },
  ])('%j is refused', async (headers) => {
    const answer = await call('POST', '/v1/up', {}, headers);

    expect([answer.status, answer.json]).toEqual([
      403,
      { problem: { code: 'browser-refused', detail: {} } },
    ]);
    expect(handlers.up).not.toHaveBeenCalled();
  });
});

describe('what does not fit', () => {
  test.each([
    ['no JSON', '{"link":', 'body'],
    ['a wrong type', '{"link":"x","redirectPort":"80"}', 'redirectPort'],
    ['a port that is none', '{"link":"x","redirectPort":70000}', 'redirectPort'],
    ['a missing field', '{"redirectPort":80}', 'link'],
    ['a prototype', '{"__proto__":{"link":"x"},"link":"x","redirectPort":80}', 'body'],
    ['a constructor', '{"constructor":{"prototype":{}},"link":"x","redirectPort":80}', 'body'],
    ['a list', '[]', 'body'],
    ['nothing', '', 'body'],
    ['ten thousand levels', `${'['.repeat(10_000)}${']'.repeat(10_000)}`, 'body'],
    ['a link that is too long', `{"link":"${'x'.repeat(2001)}","redirectPort":80}`, 'link'],
  ])('%s is told by its field', async (_name, text, field) => {
    const answer = await call('POST', '/v1/login/start', text);

    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ problem: { code: 'bad-request', detail: { field } } });
    expect(handlers.startLogin).not.toHaveBeenCalled();
  });

  test('more than 64 KiB is refused before it is read', async () => {
    const answer = await call(
      'POST',
      '/v1/why',
      JSON.stringify({ destination: 'x'.repeat(70_000) }),
    );

    expect([answer.status, answer.json]).toEqual([
      413,
      { problem: { code: 'too-large', detail: { limit: 65_536 } } },
    ]);
  });

  test.each([
    ['GET', '/v2/status'],
    ['DELETE', '/v1/status'],
    ['GET', '/v1/up'],
    ['GET', '/v1/status/../repair'],
    ['GET', `/${'x'.repeat(3000)}`],
  ])('%s %s does not exist', async (method, url) => {
    expect(await call(method, url)).toMatchObject({
      status: 404,
      json: { problem: { code: 'not-found' } },
    });
  });

  test('bytes that are no HTTP end that connection only', async () => {
    for (const bytes of [
      '\0\0\0',
      'GET',
      'GET / HTTP/9.9\r\n\r\n',
      `GET /v1/status HTTP/1.1\r\n${'a: b\r\n'.repeat(5000)}`,
    ]) {
      await sendRaw(bytes);
    }

    expect((await call('GET', '/v1/status')).status).toBe(200);
  });

  test('whatever JSON comes, the answer is a refusal or a result, never a 500, and the next call works', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...(Object.keys(CALLS) as CallName[])),
        fc.json(),
        async (name, text) => {
          const answer = await call('POST', CALLS[name].path, text);

          expect([200, 400, 403, 404]).toContain(answer.status);
        },
      ),
      { numRuns: 300 },
    );
    expect((await call('GET', '/v1/status')).status).toBe(200);
  });
});

describe('faults', () => {
  test('a fault keeps its code and blanks', async () => {
    vi.mocked(handlers.startLogin).mockRejectedValue(
      new Fault('gateway-unreachable', { gateway: 'g', reason: 'r' }),
    );

    expect(await call('POST', '/v1/login/start', { link: 'g', redirectPort: 80 })).toMatchObject({
      status: 502,
      json: { problem: { code: 'gateway-unreachable', detail: { gateway: 'g', reason: 'r' } } },
    });
  });

  test('anything else is unexpected, without a stack', async () => {
    vi.mocked(handlers.up).mockRejectedValue(new TypeError('x is undefined'));

    const answer = await call('POST', '/v1/up', {});

    expect(answer).toMatchObject({ status: 500, json: { problem: { code: 'unexpected' } } });
    expect(JSON.stringify(answer.json)).not.toContain('local-api');
  });
});

describe('events', () => {
  test('the status comes at once and on each change', async () => {
    const stream = await openEvents();

    expect(await stream.next()).toContain('"wanted":"off"');
    tell({ ...status(), wanted: 'on' });
    expect(await stream.next()).toContain('"wanted":"on"');
    stream.close();
  });

  test('one user may watch sixteen times, and others still can', async () => {
    const streams = [];
    for (let count = 0; count < 16; count++) streams.push(await openEvents());

    expect(await call('GET', '/v1/events')).toMatchObject({
      status: 429,
      json: { problem: { code: 'too-many' } },
    });
    caller = { uid: 1001, gid: 1, pid: 1 };
    streams.push(await openEvents());
    for (const stream of streams) stream.close();
  });
});

function build(): FastifyInstance {
  const log = { debug: () => undefined, warn: () => undefined };
  return buildLocalApi({ handlers, credentialsOf: () => caller, log });
}

function recordingHandlers(): Handlers {
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
  return {
    ...(Object.fromEntries(calls) as Handlers),
    watch: (listener) => {
      tell = listener;
      return () => undefined;
    },
  };
}

function status(): Status {
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

function body(name: CallName): object | undefined {
  if (CALLS[name].method === 'GET') return undefined;
  const bodies: Partial<Record<CallName, object>> = {
    startLogin: { link: 'gateway.example', redirectPort: 8080 },
    finishLogin: { loginId: 'id', callback: 'code=1&state=2' },
    why: { destination: '192.168.0.10' },
    pause: { seconds: 60 },
  };
  return bodies[name] ?? {};
}

interface Answer {
  status: number;
  json: unknown;
}

function call(
  method: string,
  url: string,
  content?: object | string,
  headers: object = {},
): Promise<Answer> {
  const text = typeof content === 'object' ? JSON.stringify(content) : content;
  const type = text === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        socketPath: path,
        method,
        path: url,
        headers: { host: 'culvertd', ...type, ...headers },
        agent: false,
      },
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

async function read(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return text;
}

function sendRaw(bytes: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(path, () => socket.end(bytes));
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
    socket.resume();
  });
}

async function openEvents(): Promise<{ next(): Promise<string>; close(): void }> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = {
      socketPath: path,
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
