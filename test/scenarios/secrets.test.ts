/**
 * A laptop that logs all it can, from signing in to switching off: none of its secrets is in a log, in an answer, in a file beside
 * the key store, or in the arguments or the environment of any process, in whatever spelling.
 *
 *   laptop ── home-router ── internet: gateway, login ── vpc-router ── server 192.168.0.10
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import { Secrets } from '../../gateway/control/store/secrets.ts';
import type { Host } from '../lab/host.ts';
import { Device } from '../world/device.ts';
import {
  deviceSecrets,
  filesBelow,
  KEY_STORE,
  latin1,
  spellings,
} from '../world/device-secrets.ts';
import { people } from '../world/provider.ts';
import { World } from '../world/world.ts';

const SEEN = '/lab/seen-processes';
const PLACES = [
  '/var/lib/culvert',
  '/run',
  '/tmp',
  '/var/log',
  '/home/alice/.config',
  '/home/alice/.cache',
];

let world: World;
let device: Device;
let laptop: Host;
/** Everything that could have been read by somebody, by where it was. */
let seen: Map<string, string>;
let secrets: Map<string, Buffer>;
let challenges: string[];

beforeAll(async () => {
  world = await World.build();
  laptop = world.lab.host('laptop');
  const [administrator, installed] = await Promise.all([
    world.administrator(),
    Device.install(laptop, 'alice', { CULVERT_LOG: 'trace' }),
  ]);
  device = installed;
  await world.network(administrator);
  const watcher = laptop.start('watcher', ['bash', '-c', WATCH_PROCESSES]);
  const answers = await workADay();
  await watcher.stop('SIGKILL');
  secrets = await deviceSecrets(laptop);
  ({ challenges } = await oauthSecrets(secrets));
  seen = new Map([
    ['the answers of culvert', answers],
    ['the log of culvertd', device.daemon.log],
    ['the log of the engine', await laptop.read('/run/culvert/engine.log')],
    ['arguments and environments', await laptop.read(SEEN)],
    ['files beside the key store', await filesBelow(laptop, PLACES)],
  ]);
});
afterAll(async () => {
  await world?.stop();
});
beforeEach(() => {
  onTestFailed(() => console.log(world.lab.logs.slice(-10_000)));
});

test('there is something to look through, and the secrets are real', () => {
  expect([...secrets.keys()]).toEqual([
    'WireGuard key',
    'identity key',
    'AuthorizationCode',
    'AccessToken',
  ]);
  expect(challenges.length).toBeGreaterThan(0);
  expect(seen.get('the log of culvertd')).toContain('local call refused');
  expect(seen.get('the log of the engine')).not.toBe('');
  expect(seen.get('arguments and environments')).toContain('/usr/lib/culvert/culvertd.mjs');
  expect(seen.get('arguments and environments')).toContain('CULVERT_LOG=trace');
  expect(seen.get('files beside the key store')).toContain('membership.json');
});

test('no private key, no code and no token is anywhere, raw or in any spelling', () => {
  const hits = [...seen].flatMap(([where, text]) =>
    [...secrets].flatMap(([name, secret]) =>
      spellings(secret)
        .filter((spelling) => text.includes(spelling))
        .map(() => `${name} in ${where}`),
    ),
  );

  expect(hits).toEqual([]);
});

test('nothing anywhere is the verifier of a sign-in: no word hashes to a challenge', () => {
  const hits = [...seen].flatMap(([where, text]) =>
    [...new Set(text.match(/[A-Za-z0-9._~-]{43,128}/g))]
      .filter((word) => challenges.includes(createHash('sha256').update(word).digest('base64url')))
      .map(() => where),
  );

  expect(hits).toEqual([]);
});

test('the key store itself is found by the same search, so the search works', async () => {
  const text = latin1(await laptop.run(['base64', '-w0', KEY_STORE]));

  const found = [...secrets].filter(([, secret]) =>
    spellings(secret).some((spelling) => text.includes(spelling)),
  );
  expect(found.map(([name]) => name)).toEqual(['WireGuard key', 'identity key']);
});

/** Each process of the laptop, many times a second: what anybody who runs `ps` can see, and what only root can. */
const WATCH_PROCESSES = `
  while :; do
    cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | sort -u - ${SEEN} -o ${SEEN}.new 2>/dev/null ||
      : >>${SEEN}
    [ ! -e ${SEEN}.new ] || mv ${SEEN}.new ${SEEN}
    sleep 0.02
  done`;

async function workADay(): Promise<string> {
  const said = [await device.signIn(world.browser, world.gateway.joinLink, people.alice)];
  for (const args of [
    ['up', '--wait'],
    ['status', '--json'],
    ['why', '192.168.0.10:22'],
    ['routes', '--json'],
    ['version'],
  ]) {
    said.push(await device.culvert(args));
  }
  await laptop.run(['ssh', '192.168.0.10', 'true'], { user: 'alice', cwd: '/' });
  // Refusals are what a daemon is most talkative about.
  const refused = await device.tryCulvert(['repair', '--json']);
  said.push(refused.stdout + refused.stderr);
  said.push(await laptop.run(['wg', 'show', 'culvert0']), await device.culvert(['down']));
  return said.join('\n');
}

/** What the gateway gave out, as it remembers it: sealed, so the key beside its database is needed, too. */
async function oauthSecrets(into: Map<string, Buffer>): Promise<{ challenges: string[] }> {
  const script = `
    const { DatabaseSync } = require('node:sqlite');
    const store = new DatabaseSync('/var/lib/culvert-gateway/data/culvert.db', { readOnly: true });
    console.log(JSON.stringify(store.prepare('select model, payload from oauth_payloads').all()));`;
  const gateway = world.lab.host('gateway');
  const rows: { model: string; payload: string }[] = JSON.parse(
    await gateway.run(['/opt/culvert/node_modules/.bin/node', '--no-warnings', '-e', script], {
      user: 'culvert-gateway',
    }),
  );
  const key = await gateway.run(['base64', '-w0', '/var/lib/culvert-gateway/data/store.key']);
  const sealed = new Secrets(Buffer.from(key, 'base64'));
  const opened = rows.map(({ model, payload }) => ({
    model,
    ...(JSON.parse(sealed.open(`oauth-${model}`, payload)) as {
      jti: string;
      codeChallenge?: string;
    }),
  }));
  for (const model of ['AuthorizationCode', 'AccessToken']) {
    const given = opened.find((one) => one.model === model);
    if (given) into.set(model, Buffer.from(given.jti));
  }
  return { challenges: opened.flatMap(({ codeChallenge }) => codeChallenge ?? []) };
}
