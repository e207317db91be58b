/**
 * Everything that can be wrong at the start: each gives one sentence that says what is and what to do, the right exit code, and
 * loses nothing. Afterwards the same thing done right works.
 *
 *   laptop ── home-router ── internet: gateway (and an impostor at its name), login ── vpc-router ── server, second
 *
 * One story: first the connector, then signing in, then switching on, then the gateway, then damaged files.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import type { ConnectorInstall, Network } from '../../gateway/contract/admin-api.ts';
import type { Finished, Service } from '../lab/command.ts';
import { eventually } from '../lab/eventually.ts';
import type { Host } from '../lab/host.ts';
import type { Administrator } from '../world/administrator.ts';
import { signInAtProvider } from '../world/browser.ts';
import type { Device } from '../world/device.ts';
import { launchGateway } from '../world/gateway.ts';
import { hostState } from '../world/host-state.ts';
import { processesOf } from '../world/processes.ts';
import { GATEWAY_URL, people } from '../world/provider.ts';
import { SECOND_SAYS, VPC_RANGE, World } from '../world/world.ts';

const GATEWAY_DATA = '/var/lib/culvert-gateway/data';
const CONNECTOR = '/opt/culvert-connector/bin/culvert-connector';
const ENGINE = '/opt/culvert/native/target/release/culvert-engine';
const DAEMON = '/opt/culvert/app/bin/culvertd';

let world: World;
let administrator: Administrator;
let network: Network;
let device: Device;
let laptop: Host;
let server: Host;
let gatewayHost: Host;
let gateway: Service;
/** The laptop before the first `culvert up`. */
let stateBefore: string;
/** Made while the gateway was there, for when it is not. */
let spare: ConnectorInstall;

beforeAll(async () => {
  world = await World.build();
  [laptop, server, gatewayHost] = ['laptop', 'server', 'gateway'].map((name) =>
    world.lab.host(name),
  ) as [Host, Host, Host];
  gateway = world.gateway.service;
  [administrator, device] = await Promise.all([world.administrator(), world.device()]);
  network = await administrator.createNetwork('tokyo-vpc');
  await administrator.addRange(network.id, VPC_RANGE);
  await administrator.allow('Everyone to Tokyo', network.id);
});
afterAll(async () => {
  await world?.stop();
});
beforeEach(() => {
  onTestFailed(() => console.log(world.lab.logs.slice(-20_000)));
});

// ── the connector's token ──

const ADVICE = 'Copy a new line from the network’s page in the dashboard.';
const WHOLE = 'Copy the whole line from the network’s page in the dashboard.';

test('an expired token leaves nothing on a machine that had nothing', async () => {
  const line = await administrator.connectorLine(network.id);
  await expireTokens();

  const end = await runLine(server, line);

  expect(told(end)).toEqual({
    code: 77,
    said: `culvert-connector: This connector token has expired. ${ADVICE}\n`,
  });
  const left = 'ls -d /opt/culvert-connector /var/lib/culvert-connector; id -u culvert-connector';
  expect((await server.try(['sh', '-c', left])).stdout).toBe('');
});

test('a token that another machine has used', async () => {
  const line = await administrator.connectorLine(network.id);
  expect((await runLine(server, line)).code).toBe(0);
  const second = world.lab.host('second');
  await teachNames(second);

  const end = await runLine(second, line);

  expect(told(end)).toEqual({
    code: 77,
    said: `culvert-connector: This connector token was used before, by another connector. ${ADVICE}\n`,
  });
});

test.for([
  ['half a token', 64, `The connector token is damaged. ${WHOLE}`],
  ['no token', 64, `This is not a connector token. ${WHOLE}`],
  ['a token nobody made', 77, `The gateway does not know this connector token. ${ADVICE}`],
  [
    'a token of another organisation',
    77,
    'This gateway belongs to another organisation than your link or token names. Nothing was sent to it. Ask your administrator.',
  ],
] as const)('%s, where a connector runs already: it goes on', async ([what, code, sentence]) => {
  const line = await administrator.connectorLine(network.id);
  await world.untilOnline(administrator, network.id);
  const before = await processesOf(server, 'culvert-connector');

  const end = await runLine(server, line, spoil(what, line.token));

  expect(told(end)).toEqual({ code, said: `culvert-connector: ${sentence}\n` });
  expect(await processesOf(server, 'culvert-connector')).toEqual(before);
});

// ── signing in ──

test.for([
  ['foo bar', 2, '“foo bar” is not a sign-in link or an address. Copy the whole link again.'],
  [
    'gateway.localhost:8443',
    6,
    `${GATEWAY_URL} shows a certificate that nobody vouches for. Use the whole sign-in link from your organisation: its end says which gateway is real.`,
  ],
  [
    `https://login.localhost:9443/join#${'A'.repeat(43)}`,
    6,
    'https://login.localhost:9443 answers, but it is not a Culvert gateway. Check the address.',
  ],
  [
    `${GATEWAY_URL}/join#${'A'.repeat(43)}`,
    6,
    `${GATEWAY_URL} is not the gateway that your sign-in link names: its organisation key is another one. Nothing was sent. Tell your administrator.`,
  ],
  [
    `https://gateway.localhost:9/join#${'A'.repeat(43)}`,
    6,
    'https://gateway.localhost:9 cannot be reached: nothing listens at that port. Check the address and your network.',
  ],
] as const)('`culvert login %s`', async ([link, code, sentence]) => {
  const end = await device.tryCulvert(['login', link]);

  expect(told(end)).toEqual({ code, said: `culvert: ${sentence}\n` });
});

test('switching on before signing in', async () => {
  const end = await device.tryCulvert(['up']);

  expect({ code: end.code, said: end.stdout }).toEqual({
    code: 4,
    said: 'Needs sign-in  This device is not signed in. Run “culvert login” with the link from your organisation.\n',
  });
  await device.culvert(['down']);
});

test.for([
  ['at the provider', async (page: Page) => page.getByRole('button', { name: 'Cancel' }).click()],
  [
    'at the gateway',
    async (page: Page) => {
      await signInAtProvider(page, people.alice.username, people.alice.password);
      await page.getByRole('button', { name: 'Cancel' }).click();
    },
  ],
] as const)('the sign-in is cancelled %s', async ([, cancel]) => {
  const { login, page } = await beginLogin();
  await cancel(page);

  const [code] = await login.ended;
  expect(code).toBe(1);
  expect(login.log).toMatch(/\n\nculvert: You cancelled the sign-in\. Nothing was changed\.\n$/);
  await page.getByText('You cancelled the sign-in. Nothing was changed.').waitFor();
  await page.context().close();
  expect((await device.tryCulvert(['status'])).stdout).toContain('This device is not signed in.');
});

test('Ctrl C while it waits for the browser', async () => {
  const interrupted = ['timeout', '--preserve-status', '--signal=INT', '2', 'culvert', 'login'];
  const end = await laptop.try([...interrupted, world.gateway.joinLink, '--no-browser'], {
    user: 'alice',
  });

  expect(end.code).toBe(130);
  expect((await device.tryCulvert(['status'])).stdout).toContain('This device is not signed in.');
});

test('a wrong password is told by the provider; the right one then signs in', async () => {
  const { login, page } = await beginLogin();
  await signInAtProvider(page, 'alice', 'wrong horse');
  expect(await page.getByRole('alert').innerText()).toBe('Wrong user name or password.');
  expect(login.isRunning).toBe(true);

  await signInAtProvider(page, people.alice.username, people.alice.password);
  await page.getByRole('button', { name: 'Sign in' }).click();

  expect((await login.ended)[0]).toBe(0);
  expect(login.log).toContain('Signed in to Example Inc. as alice@example.com.');
  await page.context().close();
});

// ── switching on ──

test('not root: culvertd, the engine and repair', async () => {
  const alice = { user: 'alice' };
  const ends = await Promise.all([
    laptop.try([DAEMON], alice),
    laptop.try([ENGINE, 'device', 'culvert7'], alice),
    laptop.try(['culvert', 'repair'], alice),
  ]);

  expect(ends.map(told)).toEqual([
    { code: 1, said: 'culvertd: culvertd has to run as root. Try “sudo culvertd”.\n' },
    {
      code: 1,
      said: 'culvert-engine: the socket /var/run/wireguard/culvert7.sock can not be made: no permission (run as root, or choose another folder)\n',
    },
    { code: 5, said: 'culvert: Only root may do this. Try it with sudo.\n' },
  ]);
});

test('a second culvertd', async () => {
  expect(told(await laptop.try([DAEMON]))).toEqual({
    code: 1,
    said: 'culvertd: Another culvertd already serves /run/culvert/culvertd.sock. Stop it first.\n',
  });
});

test('no TUN device', async () => {
  stateBefore = await hostState(laptop);
  await laptop.run(['mount', '-t', 'tmpfs', 'none', '/dev/net']);
  const engine = await laptop.try([ENGINE, 'device', 'culvert7']);
  const end = await device.tryCulvert(['up', '--wait', '3']);
  await laptop.run(['umount', '/dev/net']);

  expect(told(engine)).toEqual({
    code: 1,
    said: 'culvert-engine: this host has no /dev/net/tun: load it with `modprobe tun`, or give it to the container (--device /dev/net/tun)\n',
  });
  expect(end.code).toBe(8);
  expect(end.stdout).toMatch(
    /^Can’t connect +Example Inc\..*\n +The tunnel could not start: this host has no \/dev\/net\/tun: load it with `modprobe tun`, or give it to the container/,
  );
  await device.culvert(['up', '--wait']);
  expect(await reachesSecond()).toBe(SECOND_SAYS);
  await device.culvert(['down']);
  expect(await hostState(laptop)).toBe(stateBefore);
});

test('UDP does not get through: said by name, and on by itself once it does', async () => {
  const router = world.lab.host('home-router');
  await router.run(['nft', 'insert rule inet router forward udp dport 51820 drop']);

  const end = await device.tryCulvert(['up', '--wait', '13']);

  expect(end.code).toBe(8);
  expect(end.stdout).toContain(
    'gateway does not answer at 203.0.113.10:51820. Trying the next way; check that UDP is not blocked.',
  );
  await router.sh(
    'nft delete rule inet router forward handle $(nft -a list chain inet router forward | sed -n "s/.*51820 drop # handle //p")',
  );
  expect(await eventually(reachesSecond)).toBe(SECOND_SAYS);
});

// ── the gateway ──

test('the gateway is away: signing in says so, what is on stays on', async () => {
  spare = await administrator.connectorLine(network.id);
  await gateway.stop();

  const login = await device.tryCulvert(['login']);
  const join = await server.try([CONNECTOR, 'install', '--state', '/tmp/other'], {
    env: { CULVERT_CONNECTOR_TOKEN: spare.token },
  });

  const why = `${GATEWAY_URL} cannot be reached: nothing listens at that port.`;
  expect(told(login)).toEqual({
    code: 6,
    said: `culvert: ${why} Check the address and your network.\n`,
  });
  expect(told(join)).toEqual({ code: 69, said: `culvert-connector: ${why}\n` });
  expect(await reachesSecond()).toBe(SECOND_SAYS);
});

test.for([
  ['HTTPS', ['-l', '-k', '-p', '8443'], 'Port 8443', '--port'],
  ['UDP', ['-u', '-l', '-p', '51820'], 'UDP port 51820', '--wireguard-port'],
] as const)('the gateway’s %s port is taken', async ([, argv, port, option]) => {
  await gatewayHost.try(['sh', '-c', 'kill $(pidof culvert-engine)']);
  await eventually(async () => expect((await gatewayHost.run(['ss', '-Hlun'])).trim()).toBe(''));
  const other = gatewayHost.start('another program', ['nc', ...argv]);
  await pause(200);

  const end = await launchGateway(gatewayHost, world.provider).then(
    () => 'it started',
    (error: Error) => error.message,
  );

  await other.stop();
  expect(end).toContain(
    `culvert-gateway: ${port} is taken by another program. Stop it, or choose another port with ${option}.\n`,
  );
  expect(end.trim().split('\n')).toHaveLength(2);
});

test('another gateway at the same name, with another organisation’s key', async () => {
  const impostor = await launchGateway(gatewayHost, world.provider, [
    '--data',
    '/var/lib/culvert-gateway/other',
  ]);

  const [fresh, again] = [
    await laptop.try(['culvert', 'login', world.gateway.joinLink, '--no-browser'], {
      user: 'alice',
    }),
    await device.tryCulvert(['login']),
  ];
  const join = await server.try([CONNECTOR, 'install', '--state', '/tmp/other'], {
    env: { CULVERT_CONNECTOR_TOKEN: spare.token },
  });
  await pause(1000);
  const status = await device.culvert(['status']);
  await impostor.stop('SIGINT');

  const sentence = `culvert: ${GATEWAY_URL} is not the gateway that your sign-in link names: its organisation key is another one. Nothing was sent. Tell your administrator.\n`;
  expect([fresh, again].map(told)).toEqual([
    { code: 6, said: sentence },
    { code: 6, said: sentence },
  ]);
  expect(told(join).code).toBe(77);
  expect(told(join).said).toBe(
    'culvert-connector: This gateway belongs to another organisation than your link or token names. Nothing was sent to it. Ask your administrator.\n',
  );
  expect(status).toContain('Example Inc. as alice@example.com');
});

test('the right gateway is back: device and connector find it, and nothing was lost', async () => {
  gateway = await launchGateway(gatewayHost, world.provider);

  expect(await eventually(reachesSecond, 40_000)).toBe(SECOND_SAYS);
  await eventually(
    async () => expect(await device.culvert(['status'])).not.toMatch(/no news/i),
    40_000,
  );
}, 100_000);

// ── damaged files ──

test.for([
  ['snapshot.json', 'the configuration is fetched again', 'On '],
  ['wanted.json', 'the switch counts as on, so that nothing private leaves unprotected', 'On '],
] as const)('culvertd’s %s is damaged', async ([name, consequence, state]) => {
  await damageDeviceFile(name);

  await device.restart();

  await eventually(async () => {
    const status = await device.culvert(['status']);
    expect(status).toMatch(new RegExp(`^${state}`));
    expect(status.replaceAll(/damaged-\w+/g, 'damaged-…')).toContain(
      `The file /var/lib/culvert/${name} was damaged. It was kept as /var/lib/culvert/${name}.damaged-…; ${consequence}.`,
    );
  });
  expect(await eventually(reachesSecond)).toBe(SECOND_SAYS);
});

test('culvertd’s undo ledger is damaged: told, and everything is still taken back', async () => {
  await damageDeviceFile('ledger.json');

  await device.restart();

  expect(await eventually(reachesSecond)).toBe(SECOND_SAYS);
  expect(await device.culvert(['status'])).toContain(
    'The list of what Culvert changed on this computer was damaged',
  );
  await device.culvert(['down']);
  // What this was before stood in the file. The stricter value stays: nobody may lower it for a guess.
  await laptop.run(['sysctl', '-qw', 'net.ipv4.conf.all.arp_ignore=0']);
  expect(await hostState(laptop)).toBe(stateBefore);
  await device.culvert(['up', '--wait']);
});

test('culvertd’s keys are damaged: private stays protected, and signing in again brings it back', async () => {
  await damageDeviceFile('identity.json');

  await device.restart();

  const { stdout: status } = await device.tryCulvert(['status']);
  expect(status).toContain('Needs sign-in');
  expect(status).toContain('; sign in again.');
  expect((await laptop.try(['ip', 'route', 'get', '192.168.0.20'])).stdout).not.toContain('wlan0');
  await device.signIn(world.browser, world.gateway.joinLink, people.alice);
  expect(await eventually(reachesSecond)).toBe(SECOND_SAYS);
});

test('the connector’s file is damaged: exit code 78, and nothing is changed', async () => {
  const folder = '/var/lib/culvert-connector';
  await server.sh(`cp -a ${folder} /tmp/copy; echo '{' >/tmp/copy/connector.json`);

  const end = await server.try([CONNECTOR, 'run', '--state', '/tmp/copy'], {
    user: 'culvert-connector',
  });

  expect(told(end)).toEqual({
    code: 78,
    said: 'culvert-connector: /tmp/copy/connector.json is damaged. Nothing was changed: restore it from a backup, or move it away and join again with a new token.\n',
  });
  expect(await server.read('/tmp/copy/connector.json')).toBe('{\n');
});

test('the gateway’s database is damaged: exit code 78, and nothing is changed', async () => {
  await gateway.stop();
  const file = `${GATEWAY_DATA}/culvert.db`;
  await gatewayHost.sh(`mkdir /tmp/kept; mv ${file}* /tmp/kept; head -c 100000 /dev/urandom >${file}
    chown culvert-gateway ${file}; chmod 600 ${file}; sha256sum ${file} >/tmp/sum`);

  const end = await launchGateway(gatewayHost, world.provider).then(
    () => 'it started',
    (error: Error) => error.message,
  );

  expect(end.trim().split('\n')).toEqual([
    expect.stringContaining('ended before it said'),
    `culvert-gateway: The database ${file} is damaged (file is not a database). Nothing was changed: put a backup in its place, then start again.`,
  ]);
  await gatewayHost.run(['sha256sum', '-c', '/tmp/sum']);
  await gatewayHost.sh(`rm -f ${file}*; mv /tmp/kept/* ${GATEWAY_DATA}`);
  gateway = await launchGateway(gatewayHost, world.provider);
  expect(await eventually(reachesSecond, 40_000)).toBe(SECOND_SAYS);
}, 100_000);

/** A flipped bit in the middle, as a bad disk makes it, while the daemon is away. */
async function damageDeviceFile(name: string): Promise<void> {
  await device.daemon.stop('SIGTERM');
  const path = `/var/lib/culvert/${name}`;
  const text = await laptop.read(path);
  const middle = Math.floor(text.length / 2);
  const flipped = String.fromCharCode(text.charCodeAt(middle) ^ 1);
  await laptop.write(path, text.slice(0, middle) + flipped + text.slice(middle + 1), 0o600);
}

function told({ code, stderr }: Finished): { code: number | null; said: string } {
  return { code, said: stderr };
}

async function runLine(host: Host, { command, token }: ConnectorInstall, given = token) {
  return await host.try(['sh', '-c', command.replace(token, given)]);
}

function spoil(what: string, token: string): string {
  const [version, origin, fingerprint, secret] = token.split('.');
  const other = 'A'.repeat(43);
  switch (what) {
    case 'half a token':
      return token.slice(0, -3);
    case 'no token':
      return 'hello';
    case 'a token nobody made':
      return [version, origin, fingerprint, other].join('.');
    default:
      return [version, origin, other, secret].join('.');
  }
}

/** A minute is the shortest life that the API gives one: the date is moved in the store instead. */
async function expireTokens(): Promise<void> {
  const script = `import { DatabaseSync } from 'node:sqlite';
    new DatabaseSync('${GATEWAY_DATA}/culvert.db', { timeout: 5000 }).exec('update connector_tokens set expires_at = 1');`;
  const node = '/opt/culvert/node_modules/.bin/node';
  await gatewayHost.run([node, '--input-type=module', '-e', script]);
}

/** So that a machine which knows nothing of the lab's names can run the line. */
async function teachNames(host: Host): Promise<void> {
  const names = await server.sh('grep localhost$ /etc/hosts | grep -v ^127');
  await host.run(['sh', '-c', 'cat >>/etc/hosts'], { input: names });
  await host.write('/root/.curlrc', await server.read('/root/.curlrc'));
}

async function beginLogin(): Promise<{ login: Service; page: Page }> {
  const argv = ['culvert', 'login', world.gateway.joinLink, '--no-browser'];
  const login = laptop.start('culvert login', argv, { user: 'alice' });
  const [address = ''] = await login.waitFor(/https:\/\/\S+\/oauth\/\S+/);
  const page = await (await world.browser.context()).newPage();
  await page.goto(address);
  return { login, page };
}

async function reachesSecond(): Promise<string> {
  const argv = ['curl', '-fsS', '--max-time', '2', 'http://192.168.0.20/'];
  return (await laptop.run(argv, { user: 'alice' })).trim();
}
