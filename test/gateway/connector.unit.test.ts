/** A connector as its program, against a gateway with a real engine, the way an installer runs it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Connector, ConnectorInstall, Network } from '../../gateway/contract/admin-api.ts';
import { formatConnectorToken, parseConnectorToken } from '../../gateway/contract/trust.ts';
import { freePort } from '../../gateway/control/free-port.ts';
import {
  type ScratchGateway,
  type ScratchOptions,
  scratchGateway,
} from '../../gateway/control/scratch-gateway.ts';
import { DataPlane } from '../../gateway/dataplane/data-plane.ts';
import { findEngine } from '../../gateway/dataplane/engine-place.ts';

const PROGRAM = join(import.meta.dirname, '../../gateway/connector/main.ts');

/** Each starts programs, on whatever machine runs the tests. */
vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 });

let gateway: ScratchGateway;
let folder: string;
/** Where no program's outgoing socket comes to be. */
let wireguardPort: number;
let network: Network;
const running: ChildProcess[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-connector-'));
  wireguardPort = await freePort();
  gateway = await startGateway();
  network = (await gateway.call<Network>('POST', 'networks', { name: 'tokyo-vpc' })).body;
});
afterEach(async () => {
  for (const child of running.splice(0)) await stop(child);
  await gateway[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test('a connector joins, turns green by itself, and gets a new range', async () => {
  const connector = start(await newToken());

  await untilConnector({ state: 'online' });
  await gateway.call('POST', `networks/${network.id}/ranges`, { cidr: '192.168.0.0/24' });
  await vi.waitFor(() => expect(connector.output()).toContain('is in force'), 15_000);

  const { id } = await untilConnector({ note: null });
  await untilConnector({ appliedRevision: gateway.live.wantedRevision(id) });
});

test('its files are for its user alone, and its secret is not in them', async () => {
  const token = await newToken();
  start(token);
  await untilConnector({ state: 'online' });
  const parsed = parseConnectorToken(token);

  for (const name of ['connector.json', 'snapshot.jws']) {
    const path = join(folder, name);
    expect(statSync(path).mode & 0o777, name).toBe(0o600);
    expect(readFileSync(path, 'utf8')).not.toContain(parsed.ok ? parsed.value.secret : 'x');
  }
});

test('when the gateway restarts, the connector is back by itself', async () => {
  start(await newToken());
  await untilConnector({ state: 'online' });
  const { data } = gateway;
  const port = Number(new URL(gateway.url).port);

  await gateway.built.close();
  gateway = await startGateway({ data, port });

  await vi.waitFor(async () => {
    const [one] = await connectors();
    expect(gateway.live.isStreaming(one?.id ?? '')).toBe(true);
  }, 15_000);
});

test('a removed connector says so, ends its engine and exits 77', async () => {
  const connector = start(await newToken());
  const { id } = await untilConnector({ state: 'online' });

  await gateway.call('DELETE', `connectors/${id}`);

  expect(await connector.exit()).toBe(77);
  expect(connector.output()).toContain('was removed from its network');
  expect(existsSync(join(folder, 'engine.sock'))).toBe(false);
});

test('SIGTERM ends connector and engine with exit code 0', async () => {
  const connector = start(await newToken());
  await untilConnector({ state: 'online' });

  connector.child.kill('SIGTERM');

  expect(await connector.exit()).toBe(0);
  expect(existsSync(join(folder, 'engine.sock'))).toBe(false);
});

// The first shard is with the thread that opens what comes.
test('as many threads as are asked for have its flows', async () => {
  const connector = start(await newToken(), ['--shards', '3']);
  await untilConnector({ state: 'online' });

  // A thread names itself, a moment after it is there.
  await vi.waitFor(() =>
    expect(threadsUnder(connector.child.pid ?? 0)).toEqual(
      expect.arrayContaining(['shard 1', 'shard 2']),
    ),
  );
});

test('no number of threads that an engine does not take', async () => {
  for (const shards of ['0', '17', 'many', '']) {
    const connector = start(await newToken(), ['--shards', shards]);

    expect(await connector.exit(), shards).toBe(64);
    expect(connector.output()).toContain(`--shards can not be "${shards}"`);
  }
});

test('a token is used once; the same machine may repeat it', async () => {
  const token = await newToken();
  expect((await install(token)).code).toBe(0);

  const again = await install(token);
  const other = await install(token, `${folder}/other`);

  expect(again).toMatchObject({ code: 0 });
  expect(again.text).toContain('has joined');
  expect(other).toMatchObject({ code: 77 });
  expect(other.text).toContain('was used before, by another connector');
});

test('of many who join with one token at once, one does', async () => {
  const token = await newToken();

  const all = await Promise.all([1, 2, 3, 4].map((at) => install(token, `${folder}/${at}`)));

  expect(all.filter(({ code }) => code === 0)).toHaveLength(1);
  expect((await connectors()).length).toBe(1);
});

test('an expired token, a made-up one and a damaged one each get one sentence', async () => {
  const token = await newToken();
  await gateway.store.db
    .updateTable('connectorTokens')
    .set({ expiresAt: Date.now() - 1 })
    .execute();
  const parsed = parseConnectorToken(token);
  if (!parsed.ok) throw new Error(parsed.problem);
  const madeUp = formatConnectorToken({ ...parsed.value, secret: 'A'.repeat(43) });

  const [expired, unknown, damaged] = [
    await install(token),
    await install(madeUp),
    await install(`${token}x`),
  ];

  expect(expired).toEqual({
    code: 77,
    text: `culvert-connector: This connector token has expired. ${ADVICE}\n`,
  });
  expect(unknown).toEqual({
    code: 77,
    text: `culvert-connector: The gateway does not know this connector token. ${ADVICE}\n`,
  });
  expect(damaged.code).toBe(64);
  expect(existsSync(join(folder, 'connector.json'))).toBe(false);
});

test('a token for another organisation’s key sends this gateway nothing', async () => {
  const parsed = parseConnectorToken(await newToken());
  if (!parsed.ok) throw new Error(parsed.problem);
  const foreign = formatConnectorToken({ ...parsed.value, fingerprint: 'B'.repeat(43) });

  const { code, text } = await install(foreign);

  expect(code).toBe(77);
  expect(text).toContain('belongs to another organisation');
  expect(await gateway.store.db.selectFrom('connectorTokens').select('usedAt').execute()).toEqual([
    { usedAt: null },
  ]);
});

test('a gateway that is away is told with its address, exit 69', async () => {
  const parsed = parseConnectorToken(await newToken());
  if (!parsed.ok) throw new Error(parsed.problem);
  const nowhere = formatConnectorToken({ ...parsed.value, gateway: 'https://127.0.0.1:1' });

  const { code, text } = await install(nowhere);

  expect(code).toBe(69);
  expect(text).toContain('https://127.0.0.1:1 cannot be reached');
});

test('damaged state is one sentence, exit 78, and stays as it is', async () => {
  await install(await newToken());
  const path = join(folder, 'connector.json');
  chmodSync(path, 0o600);
  writeFileSync(path, '{"v":1,"gate');

  const connector = start(undefined);

  expect(await connector.exit()).toBe(78);
  expect(connector.output()).toBe(
    `culvert-connector: ${path} is damaged. Nothing was changed: restore it from a backup, or move it away and join again with a new token.\n`,
  );
  expect(readFileSync(path, 'utf8')).toBe('{"v":1,"gate');
});

const ADVICE = 'Copy a new line from the network’s page in the dashboard.';

function startGateway(
  options: Pick<ScratchOptions, 'data' | 'port'> = {},
): Promise<ScratchGateway> {
  return scratchGateway({
    ...options,
    wireguardPort,
    dataPlane: (events) =>
      new DataPlane({ ...events, folder: `${folder}/gateway-engine`, binary: findEngine() }),
  });
}

async function newToken(): Promise<string> {
  const answer = await gateway.call<ConnectorInstall>(
    'POST',
    `networks/${network.id}/connector-token`,
    {},
  );
  return answer.body.token;
}

async function connectors(): Promise<Connector[]> {
  const { body } = await gateway.call<Network>('GET', `networks/${network.id}`);
  return body.connectors;
}

async function untilConnector(wanted: Partial<Connector>, timeout = 15_000): Promise<Connector> {
  return vi.waitFor(
    async () => {
      const [one] = await connectors();
      expect(one).toMatchObject(wanted);
      return one as Connector;
    },
    { timeout, interval: 50 },
  );
}

interface Running {
  child: ChildProcess;
  output(): string;
  exit(): Promise<number | null>;
}

/** Names of the threads of a process's children. */
function threadsUnder(pid: number): string[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return children.flatMap((child) =>
    readdirSync(`/proc/${child}/task`).map((thread) =>
      readFileSync(`/proc/${child}/task/${thread}/comm`, 'utf8').trim(),
    ),
  );
}

function start(token: string | undefined, more: string[] = []): Running {
  const args = [PROGRAM, 'run', '--state', folder, ...(token ? ['--token', token] : []), ...more];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  let text = '';
  for (const pipe of [child.stdout, child.stderr]) {
    pipe?.on('data', (chunk) => {
      text += String(chunk);
    });
  }
  const exit = new Promise<number | null>((resolve) =>
    child.once('close', (code) => resolve(code)),
  );
  return { child, output: () => text, exit: () => exit };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

function install(token: string, state = folder): Promise<{ code: number; text: string }> {
  return new Promise((resolve) => {
    const args = [PROGRAM, 'install', '--token', token, '--state', state];
    execFile(process.execPath, args, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, text: stdout + stderr }),
    );
  });
}
