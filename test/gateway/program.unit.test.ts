/** The gateway as a program: how it starts, refuses to start, and stops. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort } from '../../gateway/control/free-port.ts';
import { fetchTrust } from '../../gateway/trust/statement.ts';

const MAIN = join(import.meta.dirname, '../../gateway/control/main.ts');
/** Of a gateway that is told to end while it starts, on a machine that is too busy to meet the moment. */
const MOST_STARTS = 8;

let path: string;
let running: ChildProcess[];
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'culvert-program-'));
  running = [];
});
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(path, { recursive: true, force: true });
});

test('a taken port is one sentence and exit code 69', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };

  const end = await run([
    '--data',
    join(path, 'data'),
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
  ]);

  expect(end).toEqual({
    code: 69,
    stdout: '',
    stderr: `culvert-gateway: Port ${port} is taken by another program. Stop it, or choose another port with --port.\n`,
  });
  other.close();
});

test('a taken UDP port is one sentence and exit code 69, before anything is made', async () => {
  const other = createSocket('udp4').bind(0);
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address();

  const end = await run([
    '--data',
    join(path, 'data'),
    '--host',
    '127.0.0.1',
    '--port',
    String(await freePort()),
    '--wireguard-port',
    String(port),
  ]);

  expect(end).toEqual({
    code: 69,
    stdout: '',
    stderr: `culvert-gateway: UDP port ${port} is taken by another program. Stop it, or choose another port with --wireguard-port.\n`,
  });
  expect(existsSync(join(path, 'data'))).toBe(false);
  other.close();
});

test.for([
  [['--prot', '8443'], 64, "Unknown option '--prot'"],
  [[], 78, '--data is not right'],
  [['--data', 'DATA', '--port', '99999'], 78, '--port is not right'],
  [['--data', 'DATA', '--public-url', 'http://x.example'], 78, '--public-url is not right'],
  [['--data', 'DATA', '--endpoint', 'nonsense'], 78, 'endpoints'],
  [['--config', '/does/not/exist.yaml'], 78, 'There is no configuration file'],
  [['--data', `${MAIN}/data`, '--port', '0'], 78, 'cannot be made or used'],
] as const)('%j ends with code %i and a sentence', async ([args, code, sentence]) => {
  const end = await run(args.map((arg) => (arg === 'DATA' ? join(path, 'data') : arg)));

  expect(end.code).toBe(code);
  expect(end.stderr).toContain(sentence);
  expect(end.stderr.trim().split('\n')).toHaveLength(1);
});

test('a key in the file that nobody knows is named', async () => {
  const file = join(path, 'gateway.yaml');
  writeFileSync(file, `data: ${join(path, 'data')}\nlisten: { port: 0 }\nendpoint: x\n`);

  const end = await run(['--config', file]);

  expect(end).toMatchObject({ code: 78, stderr: expect.stringContaining('endpoint') });
});

test('it prints its set-up link, keeps its key over kill -9, and leaves on SIGTERM', async () => {
  const port = await freePort();
  const args = ['--data', join(path, 'data'), '--host', '127.0.0.1', '--port', String(port)];
  const url = `https://localhost:${port}`;
  const first = await start([...args, '--public-url', url]);
  const link = /https:\/\/localhost:\d+\/setup\?code=[\w-]{43}/.exec(first.output());
  const before = await fingerprintAt(url);
  first.child.kill('SIGKILL');
  await first.ended;

  const second = await start([...args, '--public-url', url]);
  const after = await fingerprintAt(url);
  second.child.kill('SIGTERM');
  const code = await second.ended;

  expect(link).not.toBeNull();
  expect(before).toMatch(/^[\w-]{43}$/);
  expect(after).toBe(before);
  expect(code).toBe(0);
  expect(readFileSync(join(path, 'data/culvert.db')).includes(link?.[0].slice(-43) ?? '')).toBe(
    false,
  );
}, 30_000);

test('SIGTERM while it still starts ends it', async () => {
  const greetings: string[] = [];
  // One that greets had started before the signal came, and says nothing about this.
  while (greetings.length < MOST_STARTS && greetings.at(-1) !== '') {
    const port = await freePort();
    const args = ['--data', join(path, 'data'), '--host', '127.0.0.1', '--port', String(port)];
    const { child, out, ended } = launch([...args, '--public-url', `https://localhost:${port}`]);
    // Its first word is about the engine, before it listens.
    await new Promise((resolve) => child.stderr.once('data', resolve));

    child.kill('SIGTERM');

    expect(await ended).toBe(0);
    greetings.push(out.stdout);
  }
  expect(greetings.at(-1)).toBe('');
}, 60_000);

test('with --json it says where it is on one line, and why it does not start', async () => {
  const port = await freePort();
  const args = ['--data', join(path, 'data'), '--host', '127.0.0.1', '--port', String(port)];
  const publicUrl = `https://localhost:${port}`;

  const { child, ended, output } = await start([...args, '--public-url', publicUrl, '--json']);
  const refused = await run([...args, '--json']);
  const wrong = await run(['--prot', '8443', '--json']);
  child.kill('SIGTERM');

  expect(await ended).toBe(0);
  expect(output()).toMatch(/^\{[^\n]*\}\n$/);
  expect(JSON.parse(output())).toEqual({
    publicUrl,
    note: null,
    setupLink: expect.stringMatching(/^https:\/\/localhost:\d+\/setup\?code=[\w-]{43}$/),
    signInLink: null,
  });
  expect([refused.code, refused.stderr, JSON.parse(refused.stdout)]).toEqual([
    69,
    '',
    {
      problem: { code: 'port', message: expect.stringMatching(/is taken by another program/) },
      exitCode: 69,
    },
  ]);
  expect([wrong.code, wrong.stderr, JSON.parse(wrong.stdout)]).toEqual([
    64,
    '',
    { problem: { code: 'usage', message: "Unknown option '--prot'. See --help." }, exitCode: 64 },
  ]);
}, 30_000);

async function fingerprintAt(url: string): Promise<string> {
  // The wrong one on purpose: the refusal shows that somebody answered, without a public certificate.
  const jws = await fetchInsecure(`${url}/.well-known/culvert`);
  const [header = ''] = jws.split('.');
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { kid: string };
  const outcome = await fetchTrust(url, kid);
  return outcome.kind === 'trusted' ? outcome.trust.fingerprint : outcome.kind;
}

async function fetchInsecure(url: string): Promise<string> {
  const { get } = await import('node:https');
  return new Promise((resolve, reject) => {
    get(url, { rejectUnauthorized: false, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += String(chunk);
      });
      answer.on('end', () => resolve(text));
    }).on('error', reject);
  });
}

function launch(args: string[]) {
  // The engine is another program with tests of its own, and would go on running after this one is killed.
  const child = spawn(process.execPath, [MAIN, '--engine', '/does/not/exist', ...args], {
    env: { PATH: process.env.PATH ?? '' },
  });
  running.push(child);
  const out = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    out.stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    out.stderr += String(chunk);
  });
  const ended = new Promise<number | null>((resolve) =>
    child.once('close', (code) => resolve(code)),
  );
  return { child, out, ended };
}

async function run(args: string[]) {
  const { out, ended } = launch(args);
  const code = await ended;
  return { code, ...out };
}

async function start(args: string[]) {
  const { child, out, ended } = launch(args);
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', () => out.stdout.endsWith('\n') && resolve());
    child.once('close', () => reject(new Error(out.stderr)));
  });
  return { child, ended, output: () => out.stdout };
}
