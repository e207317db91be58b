/** The installer, run by `sh` as somebody without rights, against the gateway that serves it. */
import { execFile, execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { ConnectorInstall, Network } from '../../gateway/contract/admin-api.ts';
import type { InstallManifest } from '../../gateway/contract/connector-api.ts';
import { type ScratchGateway, scratchGateway } from '../../gateway/control/scratch-gateway.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const ROOT = join(import.meta.dirname, '../..');
const NOBODY = 65534;

let gateway: ScratchGateway;
let home: string;
let network: Network;

beforeAll(() => {
  execFileSync(process.execPath, [join(ROOT, 'gateway/connector/bundle.ts')]);
});
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'culvert-home-'));
  chmodSync(home, 0o755);
  if (process.getuid?.() === 0) chownSync(home, NOBODY, NOBODY);
  gateway = await scratchGateway();
  network = (await gateway.call<Network>('POST', 'networks', { name: 'tokyo-vpc' })).body;
});
afterEach(async () => {
  await sh((await script()).text, ['--uninstall']);
  await gateway[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

test('the copied line makes a connector, the same line again is an upgrade, and --uninstall leaves nothing', async () => {
  const { command } = await newInstall();

  const first = await sh(command.replace('| sudo sh', '| sh'));
  await untilStreaming();
  const pid = pidOf();
  const again = await sh(command.replace('| sudo sh', '| sh'));
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 15_000);
  await untilStreaming();
  const second = pidOf();
  const gone = await sh((await script()).text, ['--uninstall']);

  expect([first.code, again.code, gone.code]).toEqual([0, 0, 0]);
  expect(first.text).toContain('Joined the network tokyo-vpc');
  expect(again.text).toContain('with this token before');
  expect(await gateway.store.db.selectFrom('connectors').select('name').execute()).toHaveLength(1);
  await vi.waitFor(() => expect(isAlive(second)).toBe(false), 15_000);
  expect(existsSync(installed())).toBe(false);
});

test('a token that is refused leaves nothing behind', async () => {
  const { token } = await newInstall();
  await gateway.store.db.updateTable('connectorTokens').set({ expiresAt: 1 }).execute();

  const { code, text } = await sh((await script()).text, [token]);

  expect(code).toBe(77);
  expect(text).toContain('This connector token has expired.');
  expect(text).not.toContain('Fetching');
  expect(existsSync(installed())).toBe(false);
});

test('a file that is not what the script promises is not installed', async () => {
  const { token } = await newInstall();
  const { text: good, manifest } = await script();
  const bundle = manifest.files.find(({ name }) => name === 'culvert-connector.mjs');
  const other = good.replace(bundle?.sha256 ?? '', '0'.repeat(64));

  const { code, text } = await sh(other, [token]);

  expect(code).toBe(69);
  expect(text).toContain('is not what the gateway promised');
  expect(existsSync(installed())).toBe(false);
});

test('half a script does nothing', async () => {
  const { token } = await newInstall();
  const { text } = await script();

  for (const part of [0.2, 0.5, 0.9, 0.99]) {
    await sh(text.slice(0, text.length * part), [token]);
    expect(readdirSync(home)).toEqual([]);
  }
});

test('without a token and without an earlier install there is one sentence', async () => {
  const { code, text } = await sh((await script()).text, []);

  expect([code, text]).toEqual([
    64,
    "culvert-connector: A token is needed. Copy the whole line from the network's page in the dashboard.\n",
  ]);
});

test('no path but the files of the manifest is served', async () => {
  for (const name of ['..%2f..%2fpackage.json', 'node', 'connector.json', '%2fetc%2fpasswd']) {
    const { status } = await gateway.call('GET', `/install/${name}`).catch(() => ({ status: 404 }));
    expect(status, name).toBe(404);
  }
});

async function newInstall(): Promise<ConnectorInstall> {
  return (
    await gateway.call<ConnectorInstall>('POST', `networks/${network.id}/connector-token`, {})
  ).body;
}

async function script(): Promise<{ text: string; manifest: InstallManifest }> {
  const { app } = gateway.built;
  const answer = await app.inject({ method: 'GET', url: '/install/connector.sh' });
  const manifest = (await gateway.call<InstallManifest>('GET', '/install/manifest.json')).body;
  return { text: answer.body, manifest };
}

/** A command line, or a script on standard input with its arguments. */
function sh(text: string, args?: string[]): Promise<{ code: number; text: string }> {
  const shell = args ? ['sh', '-s', '--', ...args] : ['sh', '-c', text];
  const isRoot = process.getuid?.() === 0;
  const drop = isRoot
    ? ['setpriv', '--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups']
    : [];
  const [program = '', ...rest] = [...drop, ...shell];
  return new Promise((resolve) => {
    const options = { cwd: '/', env: { PATH: process.env.PATH, HOME: home } };
    const child = execFile(program, rest, options, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, text: stdout + stderr }),
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(args ? text : '');
  });
}

function installed(): string {
  return join(home, '.local/share/culvert-connector');
}

function pidOf(): number {
  return Number(readFileSync(join(installed(), 'connector.pid'), 'utf8'));
}

/** A process that has ended keeps its number until somebody asks for its status, but no command line. */
function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`).length > 0;
  } catch {
    return false;
  }
}

async function untilStreaming(): Promise<void> {
  await vi.waitFor(
    async () => {
      const row = await gateway.store.db
        .selectFrom('connectors')
        .select('id')
        .executeTakeFirstOrThrow();
      expect(gateway.live.isStreaming(row.id)).toBe(true);
    },
    { timeout: 15_000, interval: 50 },
  );
}
