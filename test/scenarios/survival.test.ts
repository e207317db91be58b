/**
 * Parts that die and come back, and a laptop that moves, while somebody works.
 *
 *   laptop .20 ── home-router ── internet: gateway (control plane, engine) ── vpc-router ── server .10 (connector), second .20
 *          ╰┄┄┄┄ moves to ┄┄┄┄┄┄┄╯ .99
 *
 * Each test but the last leaves everything in its place.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import type { Service } from '../lab/command.ts';
import { eventually } from '../lab/eventually.ts';
import type { Host } from '../lab/host.ts';
import { lostPings } from '../lab/pings.ts';
import { buildConnectedWorld, type ConnectedWorld } from '../world/connected-world.ts';
import { launchGateway } from '../world/gateway.ts';
import { processesOf } from '../world/processes.ts';
import { SECOND_SAYS } from '../world/world.ts';

const NO_NEWS = /no news from/i;
const CONNECTOR = '/opt/culvert-connector/bin/culvert-connector';

let scene: ConnectedWorld;
let laptop: Host;
let server: Host;
let gatewayHost: Host;
let gateway: Service;

beforeAll(async () => {
  scene = await buildConnectedWorld();
  laptop = scene.device.host;
  server = scene.world.lab.host('server');
  gatewayHost = scene.world.lab.host('gateway');
  gateway = scene.world.gateway.service;
});
afterAll(async () => {
  await scene?.world.stop();
});
beforeEach(() => {
  onTestFailed(() => console.log(scene.world.lab.logs.slice(-20_000)));
});

test('the gateway’s control plane is killed: traffic and new connections go on, and both sides find it when it is back', async () => {
  const lost = lostPings(laptop, '192.168.0.10', 200, 0.02);
  await gateway.stop('SIGKILL');
  for (let round = 0; round < 10; round++) expect(await get()).toBe(SECOND_SAYS);
  expect(await lost).toEqual([]);
  await eventually(async () => expect(await status()).toMatch(NO_NEWS));

  gateway = await launchGateway(gatewayHost, scene.world.provider);

  await eventually(async () => expect(await status()).not.toMatch(NO_NEWS), 40_000);
  await scene.world.untilOnline(scene.administrator, scene.network.id);
  await changeArrives();
}, 100_000);

test('the gateway is restarted as a service is: not one packet is lost', async () => {
  const lost = lostPings(laptop, '192.168.0.10', 250, 0.02);
  await gateway.stop();
  gateway = await launchGateway(gatewayHost, scene.world.provider);

  expect(await lost).toEqual([]);
  await eventually(async () => expect(await status()).not.toMatch(NO_NEWS), 40_000);
}, 100_000);

test('the gateway’s engine is killed: private traffic is back within five seconds, an open ssh with it', async () => {
  const shell = await openShell();
  const awayMs = await outage(async () => {
    await killOne(gatewayHost, 'culvert-engine');
  });

  console.log(`away after the gateway’s engine was killed: ${Math.round(awayMs)} ms`);
  expect(awayMs).toBeLessThan(5_000);
  await shell.saysMore();
});

test('the connector is killed with its engine, and started again', async () => {
  await Promise.all(
    (await processesOf(server, 'culvert-connector')).map(({ pid }) => kill(server, pid)),
  );
  await eventually(async () => expect((await tryGet()).code).not.toBe(0));

  server.start('connector', [CONNECTOR, 'run', '--state', '/var/lib/culvert-connector'], {
    user: 'culvert-connector',
  });

  expect(await eventually(get)).toBe(SECOND_SAYS);
  await scene.world.untilOnline(scene.administrator, scene.network.id);
});

test('the connector’s engine alone is killed: it is started again by itself', async () => {
  const awayMs = await outage(() => killOne(server, 'culvert-engine'));

  console.log(`away after the connector’s engine was killed: ${Math.round(awayMs)} ms`);
  expect(awayMs).toBeLessThan(5_000);
});

test('the laptop gets another address in the same network: an open ssh goes on', async () => {
  const shell = await openShell();

  await laptop.sh(`ip address flush dev wlan0 scope global; ip address add 192.168.178.77/24 dev wlan0
    ip route add default via 192.168.178.1`);

  await shell.saysMore();
  expect(await laptop.run(['ip', '-4', '-brief', 'address', 'show', 'wlan0'])).toContain(
    '.178.77/24',
  );
});

test('the laptop moves to another network: an open ssh goes on, and switching off still leaves nothing', async () => {
  const shell = await openShell();

  await laptop.run(['ip', 'link', 'del', 'wlan0']);
  await pause(500);
  await scene.world.lab.plug(laptop, {
    name: 'wlan1',
    segment: 'internet',
    addresses: ['203.0.113.99/24'],
  });

  await shell.saysMore();
  expect(await gatewayHost.run(['wg', 'show'])).toContain('endpoint: 203.0.113.99:');
  await scene.device.culvert(['down']);
  expect(
    await laptop.sh(
      'nft list ruleset; ip rule | grep 5182 || true; ip route show table all | grep -E "5182|culvert" || true',
    ),
  ).toBe('');
});

interface Shell {
  /** Something that was said after this call comes through. */
  saysMore(): Promise<void>;
}

/** One ssh connection that is open for the whole test, and says the time again and again. */
async function openShell(): Promise<Shell> {
  const talk = 'while date +%s%N; do sleep 0.1; done';
  const shell = laptop.start(
    'open shell',
    ['ssh', '-o', 'ServerAliveInterval=5', '192.168.0.10', talk],
    {
      user: 'alice',
    },
  );
  await shell.waitFor(/\d{19}\n/);
  return {
    saysMore: async () => {
      // All hosts of the lab have one clock.
      const since = BigInt(Date.now()) * 1_000_000n;
      await eventually(async () => {
        const last = shell.log.trimEnd().split('\n').at(-1) ?? '';
        expect(shell.isRunning).toBe(true);
        expect(BigInt(last.match(/^\d{19}$/)?.[0] ?? 0) > since).toBe(true);
      });
      await shell.stop('SIGKILL');
    },
  };
}

/** From `act` until the first answer after the last ping that was lost; 0 when none was. A late answer is one. */
async function outage(act: () => Promise<void>): Promise<number> {
  const pinging = laptop.start('pings', ['ping', '-n', '-D', '-i', '0.05', '192.168.0.20']);
  await pinging.waitFor(/icmp_seq=\d+ ttl/);
  const beganAt = Date.now();
  await act();
  await pause(8_000);
  await pinging.stop('SIGINT');
  const answers = [...pinging.log.matchAll(/^\[([\d.]+)\] .*icmp_seq=(\d+) ttl/gm)];
  const answeredAt = new Map(answers.map(([, at, number]) => [Number(number), Number(at) * 1000]));
  const last = Math.max(...answeredAt.keys());
  const lost = Array.from({ length: last }, (_, at) => at + 1).filter((n) => !answeredAt.has(n));
  expect(Number(answeredAt.get(last)), 'it does not come back').toBeGreaterThan(beganAt + 6_000);
  const backAt = answeredAt.get((lost.at(-1) ?? 0) + 1) ?? Number.POSITIVE_INFINITY;
  return lost.length === 0 ? 0 : backAt - beganAt;
}

async function changeArrives(): Promise<void> {
  const { id, splitTunnel } = await scene.administrator.defaultProfile();
  for (const [exclude, card] of [
    [[{ cidr: '192.168.0.20/32' }], 'wlan0'],
    [[], 'culvert0'],
  ] as const) {
    await scene.administrator.saveSplitTunnel(id, { ...splitTunnel, exclude: [...exclude] });
    await eventually(async () =>
      expect(await laptop.run(['ip', 'route', 'get', '192.168.0.20'])).toContain(`dev ${card}`),
    );
  }
}

async function killOne(host: Host, program: string): Promise<void> {
  await kill(host, Number(await host.run(['pgrep', '-x', program])));
}

async function kill(host: Host, pid: number): Promise<void> {
  await host.try(['kill', '-KILL', String(pid)]);
}

async function status(): Promise<string> {
  return await scene.device.culvert(['status']);
}

async function get(): Promise<string> {
  const { code, stdout } = await tryGet();
  if (code !== 0) throw new Error(`curl ended with exit code ${code}`);
  return stdout.trim();
}

async function tryGet() {
  return await laptop.try(['curl', '-s', '--max-time', '5', 'http://192.168.0.20/'], {
    user: 'alice',
  });
}
