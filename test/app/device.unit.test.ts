/** From the link to a switched-on device and back: real command line, real culvertd, real gateway and identity provider. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { LocalClient } from '../../app/client/client.ts';
import {
  ProblemAnswer,
  RepairAnswer,
  RoutesAnswer,
  Status,
  WhyAnswer,
} from '../../app/contract/local-api.ts';
import { ALICE, type Organisation, startOrganisation } from '../gateway/organisation.ts';
import { logIn, signedIn } from '../gateway/sign-in.ts';
import { makeNetwork } from './admin.ts';
import { culvert, type Running, startCulvert } from './command-line.ts';
import { startDevice, type TestDevice } from './device.ts';

let organisation: Organisation;
let device: TestDevice;
let client: LocalClient;
let link: string;

beforeAll(async () => {
  organisation = await startOrganisation();
  device = await startDevice();
  client = new LocalClient(device.socket);
  link = `${organisation.url}/join#${organisation.built.gateway.trust.fingerprint}`;
}, 60_000);
afterAll(async () => {
  await device?.close();
  await organisation?.[Symbol.asyncDispose]();
});

test('before signing in, each command says so and ends with its code', async () => {
  const status = await culvert(device.socket, []);
  const up = await culvert(device.socket, ['up', '--wait', '5', '--json']);

  expect([status.code, status.out]).toEqual([4, expect.stringContaining('Needs sign-in')]);
  expect(up.code).toBe(4);
  expect(JSON.parse(up.out)).toMatchObject({
    wanted: 'on',
    tunnel: { kind: 'failed', problem: { code: 'not-signed-in' } },
  });
  expect((await culvert(device.socket, ['down'])).code).toBe(0);
});

test('a gateway with another organisation key is refused, and nothing is remembered', async () => {
  const other = link.replace(/#.*/, `#${'A'.repeat(43)}`);

  const ran = await culvert(device.socket, ['login', other, '--no-browser']);

  expect(ran.code).toBe(6);
  expect(ran.err).toContain('its organisation key is another one');
  expect(readdirSync(device.state)).toEqual(['wanted.json']);
});

test.each([
  ['not a link', 'https://user:secret@gateway.example', 2],
  ['nobody there', 'https://127.0.0.1:1', 6],
  ['a certificate that nobody vouches for', () => organisation.url, 6],
])('%s is one sentence and a code', async (_what, text, code) => {
  const ran = await culvert(device.socket, [
    'login',
    typeof text === 'string' ? text : text(),
    '--no-browser',
  ]);

  expect([ran.code, ran.out]).toEqual([code, '']);
  expect(ran.err.trim().split('\n')).toHaveLength(1);
});

test('forged callbacks do not end a sign-in; the real one does', async () => {
  const login = startCulvert(device.socket, ['login', link, '--no-browser']);
  const address = await addressOf(login);
  const port = Number(new URL(new URL(address).searchParams.get('redirect_uri') ?? '').port);

  expect(await client.status()).toMatchObject({
    account: { kind: 'signing-in', gateway: organisation.url },
  });
  for (const forged of forgeries(port)) expect(await visit(port, forged)).not.toBe(200);
  device.callAs(4242);
  await expect(
    client.finishLogin({ loginId: 'x', callback: 'code=1&state=2' }),
  ).rejects.toMatchObject({
    problem: { code: 'login-unknown' },
  });
  device.callAs(0);
  await agree(address, port);

  const ran = await login.ended;
  expect(ran.code, ran.err).toBe(0);
  expect(ran.out).toContain('as alice@example.com');
  expect(await client.status()).toMatchObject({
    account: { kind: 'signed-in', user: { email: ALICE.email } },
  });
}, 30_000);

test('switching on connects through the fake engine with the keys that were enrolled', async () => {
  await reachable('192.168.0.0/24');
  await until((status) => status.networks.length === 1);

  const up = await culvert(device.socket, ['up', '--wait']);

  expect(up.code, up.err).toBe(0);
  expect(up.out).toMatch(/^On {5}.* as alice@example.com, until /);
  expect(up.out).toContain('tokyo-vpc  192.168.0.0/24   0 of 0 connectors');
  expect(device.network.protection).not.toBeNull();
  expect(device.engine.peer?.allowedIps).toContain('192.168.0.0/24');
});

test('a wait that ends before the tunnel is up says so, and that it goes on', async () => {
  await client.down();
  await until((status) => status.tunnel.kind === 'off');
  device.engine.isSilent = true;

  const up = await culvert(device.socket, ['up', '--wait', '1']);

  expect(up.code).toBe(8);
  expect(up.err).toContain('It is not connected after 1 s. Culvert goes on trying');
  device.engine.isSilent = false;
  await until((status) => status.tunnel.kind === 'on');
}, 30_000);

test('a client that cannot find out who answers sends nothing', async () => {
  const blind = new LocalClient(device.socket, () => null);

  await expect(blind.down()).rejects.toMatchObject({ code: 'daemon-unverified' });
  expect(await client.status()).toMatchObject({ wanted: 'on' });
});

test('a pause outlives the daemon and switches on again by itself', async () => {
  const paused = await culvert(device.socket, ['down', '--for', '8s']);
  expect(paused.out).toContain('a pause: on again at ');
  await device.restart();
  expect(await client.status()).toMatchObject({
    wanted: 'off',
    pausedUntil: expect.any(Number),
    tunnel: { kind: 'off' },
  });

  await until((status) => status.tunnel.kind === 'on');

  expect(await client.status()).toMatchObject({ wanted: 'on', pausedUntil: null });
});

test('whoever switches by hand ends a pause', async () => {
  await client.pause({ seconds: 3600 });
  expect(await client.up()).toMatchObject({ wanted: 'on', pausedUntil: null });
  await client.pause({ seconds: 3600 });
  expect(await client.down()).toMatchObject({ wanted: 'off', pausedUntil: null });
  await client.up();
  await until((status) => status.tunnel.kind === 'on');
});

test('why names the entry, the kernel’s route and the gateway, and says what it could not find out', async () => {
  const tunnelled = await culvert(device.socket, ['why', '192.168.0.10:22']);
  const direct = await culvert(device.socket, ['why', '8.8.8.8', '--json']);

  // This gateway runs without an engine, which alone knows rules and connectors.
  expect(tunnelled.code, tunnelled.err).toBe(0);
  expect(tunnelled.out.split('\n')).toEqual([
    expect.stringContaining('192.168.0.10:22 goes into the tunnel'),
    ' ✓ goes into the tunnel  192.168.0.0/24 is a range of tokyo-vpc',
    ' ✓ route                 culvert0, table 5182',
    expect.stringMatching(/^ ✓ gateway {15}\S+, handshake .* ago$/),
    expect.stringMatching(/^ \? connector .*The gateway’s engine cannot say yet/),
    ' – rule                  not tried',
    ' – target                not tried',
    '',
  ]);
  expect(direct.code).toBe(0);
  expect(JSON.parse(direct.out)).toMatchObject({ path: 'direct', reachable: 'unknown' });
});

test('routes say whose they are', async () => {
  const ran = await culvert(device.socket, ['routes']);

  expect(ran.out).toContain('192.168.0.0/24  tunnel  network tokyo-vpc');
});

/** What a script may count on: what `--json` prints is one JSON value of exactly this shape. */
const Versions = z.object({ culvert: z.string(), culvertd: z.string().nullable() });
const Failure = z.object({
  problem: ProblemAnswer.shape.problem.extend({ message: z.string() }),
  exitCode: z.number(),
});

test.each<[string, string[], z.ZodType]>([
  ['status', ['status'], Status],
  ['no command', [], Status],
  ['up', ['up'], Status],
  ['up --wait', ['up', '--wait'], Status],
  ['why', ['why', '192.168.0.10:22'], WhyAnswer],
  ['routes', ['routes'], RoutesAnswer],
  ['version', ['version'], Versions],
])('%s --json is as the contract has it, and nothing more', async (_name, args, shape) => {
  const ran = await culvert(device.socket, [...args, '--json']);

  const printed = JSON.parse(ran.out);
  expect(shape.parse(printed)).toEqual(printed);
  expect(ran.err).toBe('');
});

test('a daemon that was killed finds its way back on its own, protected all the time', async () => {
  const before = device.network.calls.length;

  await device.restart();
  await until((status) => status.tunnel.kind === 'on');

  expect(device.network.calls.slice(before)).not.toContain('release');
  expect(device.network.calls.slice(before)).not.toContain('disconnect');
});

test('an engine that dies is started again; protection never goes', async () => {
  const before = device.network.calls.length;

  device.engine.kill();
  // It may be back before anybody who watches is told that it went.
  await vi.waitFor(() => expect(device.engine.isRunning).toBe(true), 15_000);
  await until((status) => status.tunnel.kind === 'on');

  expect(device.network.calls.slice(before)).not.toContain('release');
});

test('a flushed firewall is put back and told', async () => {
  device.network.flush();
  await until((status) => status.notices.some(({ problem }) => problem.code === 'protection-lost'));

  await until(() => device.network.protection !== null);
});

test('signing out tells the gateway, forgets the keys and leaves nothing on the host', async () => {
  const ran = await culvert(device.socket, ['logout']);

  expect([ran.code, ran.out]).toEqual([0, 'Signed out. The keys of this device are gone.\n']);
  expect([device.network.protection, device.network.connection, device.engine.isRunning]).toEqual([
    null,
    null,
    false,
  ]);
  expect(readdirSync(device.state)).toEqual(['wanted.json']);
  expect(await organisation.store.db.selectFrom('devices').select('id').execute()).toEqual([]);
});

test('repair is root’s; a broken wanted file counts as on and is told', async () => {
  device.callAs(1000);
  expect((await culvert(device.socket, ['repair'])).code).toBe(5);
  device.callAs(0);
  expect((await culvert(device.socket, ['repair', '--json'])).code).toBe(0);
  const file = join(device.state, 'wanted.json');
  writeFileSync(file, readFileSync(file).subarray(0, 10));

  await device.restart();

  expect(await client.status()).toMatchObject({
    wanted: 'on',
    notices: [{ problem: { code: 'state-corrupt' } }],
  });
});

test.each<[string, string[], z.ZodType]>([
  ['down', ['down'], Status],
  ['logout', ['logout'], Status],
  ['repair', ['repair'], RepairAnswer],
  ['a login that fails', ['login', 'https://127.0.0.1:1', '--no-browser'], Failure],
  ['a destination that no script should send', ['why', 'x'.repeat(253)], WhyAnswer],
])('%s --json is as the contract has it, and nothing more', async (_name, args, shape) => {
  const ran = await culvert(device.socket, [...args, '--json']);

  const printed = JSON.parse(ran.out);
  expect(shape.parse(printed)).toEqual(printed);
});

test('without a daemon every command’s --json says so in the same shape', async () => {
  const commands = [['status'], ['up'], ['down'], ['logout'], ['why', 'x'], ['routes'], ['login']];

  const ran = await Promise.all(
    commands.map((args) => culvert('/nonexistent/culvertd.sock', [...args, '--json'])),
  );

  for (const { code, out } of ran) {
    const printed = JSON.parse(out);
    expect(Failure.parse(printed)).toEqual(printed);
    expect([code, printed.problem.code]).toEqual([3, 'daemon-not-running']);
  }
});

test('no daemon, a wrong option and a misspelt command each have a sentence and a code', async () => {
  const nowhere = await culvert('/nonexistent/culvertd.sock', ['status', '--json']);
  const option = await culvert(device.socket, ['up', '--wiat']);
  const command = await culvert(device.socket, ['statsu']);

  expect([nowhere.code, JSON.parse(nowhere.out)]).toMatchObject([
    3,
    { problem: { code: 'daemon-not-running' }, exitCode: 3 },
  ]);
  expect([option.code, option.err]).toEqual([2, expect.stringContaining('Did you mean --wait?')]);
  expect([command.code, command.err]).toEqual([2, expect.stringContaining('Did you mean status?')]);
});

async function addressOf(login: Running): Promise<string> {
  const [, address = ''] = await login.says(/^ {2}(https:\S+)$/m);
  return address;
}

/** What other pages and programs on this computer could send (T21). */
function forgeries(port: number): { path: string; method?: string; host?: string }[] {
  return [
    { path: '/cb?code=stolen&state=guessed' },
    { path: '/cb?code=a&state=b&state=c' },
    { path: '/cb?error=access_denied' },
    { path: '/cb' },
    { path: '/' },
    { path: '/cb?code=a&state=b', method: 'POST' },
    { path: '/cb?code=a&state=b', method: 'OPTIONS' },
    { path: '/cb?code=a&state=b', host: `localhost:${port}` },
    { path: '/cb?code=a&state=b', host: 'evil.test' },
    { path: `/cb?code=${'x'.repeat(9000)}&state=b` },
  ];
}

function visit(
  port: number,
  {
    path,
    method = 'GET',
    host = `127.0.0.1:${port}`,
  }: { path: string; method?: string; host?: string },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path, method, headers: { host }, agent: false },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      },
    );
    sent.once('error', reject);
    sent.end();
  });
}

async function agree(address: string, port: number): Promise<void> {
  const visitor = organisation.visitor();
  const consent = await logIn(visitor, await visitor.open(address), ALICE);
  const back = await visitor.submit(consent, { decision: 'allow' });
  expect(await visit(port, { path: back.url.pathname + back.url.search })).toBe(200);
}

/** A network that Alice may reach, as an administrator would make it. */
async function reachable(range: string): Promise<void> {
  await makeNetwork(organisation, await signedIn(organisation, ALICE), range);
}

async function until(isSo: (status: Status) => boolean): Promise<void> {
  const signal = AbortSignal.timeout(15_000);
  for await (const status of client.watch(signal)) if (isSo(status)) return;
  throw new Error('it never came to that');
}
