/**
 * For tests of those who drive an engine: the control protocol without packets. Run as a program it takes the real one's
 * arguments: `fake-engine.ts ROLE … --control PATH`.
 */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { EngineEvent, EngineRole, EngineStatus, ExplainResult, Hello } from './protocol.ts';

export interface FakeEngine {
  hello: Hello;
  /** Each configuration that was applied, oldest first. */
  configured: unknown[];
  status: EngineStatus;
  explanation: ExplainResult;
  /** Refuse configurations with this sentence. */
  refuse: string | null;
  emit(event: EngineEvent): void;
  /** As a crash does: connections drop and the socket's file stays. */
  crash(): Promise<void>;
}

export async function startFakeEngine(
  path: string,
  role: EngineRole,
  protocol = 1,
): Promise<FakeEngine> {
  const sockets = new Set<Socket>();
  const watchers = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      sockets.delete(socket);
      watchers.delete(socket);
    });
    createInterface({ input: socket })
      .on('line', (line) => answer(socket, line))
      // It hands on what its input has met: a caller who has given up.
      .on('error', () => {});
  });
  const fake: FakeEngine = {
    hello: {
      protocol,
      version: 'fake',
      role,
      pid: process.pid,
      configHash: null,
      startedAt: Date.now(),
    },
    configured: [],
    status: { role, listenPort: 51820, now: Date.now(), peers: [], flows: 0, drops: {} },
    explanation: {
      verdict: 'no-network',
      networkId: null,
      range: null,
      ruleId: null,
      connectorId: null,
    },
    refuse: null,
    emit: (event) => {
      for (const socket of watchers) socket.write(`${JSON.stringify({ v: 1, event })}\n`);
    },
    crash: () => end(),
  };
  rmSync(path, { force: true });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return fake;

  function answer(socket: Socket, line: string): void {
    const { id, method, params } = JSON.parse(line) as {
      id: number;
      method: string;
      params: unknown;
    };
    socket.write(`${JSON.stringify({ v: 1, id, ...reply(socket, method, params) })}\n`);
    if (method === 'shutdown') void end().then(() => rmSync(path, { force: true }));
  }

  function reply(socket: Socket, method: string, params: unknown): object {
    if (method === 'hello') return { result: fake.hello };
    if (method === 'configure') return configure(params);
    if (method === 'status') return { result: fake.status };
    if (method === 'explain') return { result: fake.explanation };
    if (method === 'watch') watchers.add(socket);
    return { result: {} };
  }

  function configure(params: unknown): object {
    if (fake.refuse) return { error: { code: 'bad-config', message: fake.refuse } };
    fake.configured.push(params);
    fake.hello.configHash = createHash('sha256').update(JSON.stringify(params)).digest('hex');
    return { result: { hash: fake.hello.configHash } };
  }

  function end(): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.end();
    });
  }
}

if (import.meta.main) {
  const [role, ...rest] = process.argv.slice(2);
  const path = rest[rest.indexOf('--control') + 1];
  if (rest.includes('--fail') || !path) {
    console.error('cannot start: told to fail');
    process.exit(1);
  }
  await startFakeEngine(path, role as EngineRole);
}
