/**
 * A connector whose operator lets the kernel forward: what it reaches, what nobody gets around, and that it gives back
 * every setting, whatever is killed.
 *
 *   laptop .20 ── home-router ── internet: gateway ── vpc-router ── vpc 192.168.0.0/24
 *                                                     capture on `vpc`: server .10 (connector), second .20
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import type { ConnectorStatus } from '../../gateway/connector/status.ts';
import type { Finished, Service } from '../lab/command.ts';
import { eventually } from '../lab/eventually.ts';
import type { Host } from '../lab/host.ts';
import { lostPings } from '../lab/pings.ts';
import { buildConnectedWorld, type ConnectedWorld } from '../world/connected-world.ts';
import { processesOf } from '../world/processes.ts';
import { startWeb } from '../world/targets.ts';
import { PRIVATE_NAME, SECOND_SAYS } from '../world/world.ts';
import { PortShadowing } from './port-shadowing.ts';

const USER = 'culvert-connector';
const CONNECTOR = `/opt/${USER}/bin/${USER}`;
const NET_ADMIN = 1n << 12n;
const REPLY = /^IP 192\.168\.0\.20 > 100\.96\.\S+: ICMP echo reply/;

let scene: ConnectedWorld;
let laptop: Host;
let server: Host;
let second: Host;
/** Of the server, while its connector forwards in user space. */
let before: string;

beforeAll(async () => {
  scene = await buildConnectedWorld();
  [laptop, server, second] = ['laptop', 'server', 'second'].map((name) =>
    scene.world.lab.host(name),
  ) as [Host, Host, Host];
  // As udev makes it: for everybody, and of use to those with CAP_NET_ADMIN.
  await server.sh('mount -t tmpfs tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200');
  before = await kernelState();
  await runInstaller('--allow-kernel');
  await untilReached();
});
afterAll(async () => {
  await scene?.world.stop();
});
beforeEach(() => {
  onTestFailed(async () => {
    console.log(scene.world.lab.logs.slice(-6_000));
    console.log(
      await server.sh('tail -n 20 /var/lib/culvert-connector/*.log; nft list ruleset || true'),
    );
  });
});

test('it says that the kernel forwards; its process has one right, the engine none, and nothing listens', async () => {
  expect(await server.run([CONNECTOR, 'status'])).toMatch(/^Forwarding +by the kernel, through/m);
  expect(JSON.parse(await server.run([CONNECTOR, 'status', '--json']))).toMatchObject({
    forwarding: { by: 'kernel', interface: 'culvert-net' },
  });

  const processes = await processesOf(server, USER);
  const rights = processes.map(({ program, uid, capabilities }) => {
    expect(uid).not.toBe(0);
    return [program, capabilities.effective, capabilities.permitted];
  });
  expect(rights).toHaveLength(2);
  expect(rights).toContainEqual(['culvert-engine', 0n, 0n]);
  expect(rights).toContainEqual(['node', NET_ADMIN, NET_ADMIN]);
  const listening = (await server.run(['ss', '-Hltunp'])).split('\n');
  expect(listening.filter((line) => /"node"|"culvert-engine"/.test(line))).toEqual([]);
});

test('ssh, curl, dig and ping reach both hosts; to the second one nothing is translated by the engine', async () => {
  const word = 'kernel-carries-me';
  expect(
    await laptop.run(['ssh', 'alice@192.168.0.20', 'echo', word], { user: 'alice' }),
  ).toContain(word);
  expect(
    await laptop.run(['ssh', 'alice@192.168.0.10', 'echo', word], { user: 'alice' }),
  ).toContain(word);
  expect((await get('http://192.168.0.20/')).stdout).toBe(`${SECOND_SAYS}\n`);
  expect(await laptop.run(['dig', '+short', PRIVATE_NAME, '@192.168.0.20'])).toBe('192.168.0.20\n');
  for (const host of ['192.168.0.10', '192.168.0.20']) {
    expect(await lostPings(laptop, host, 3, 0.2)).toEqual([]);
  }
  const translated = await translatedConnections();
  const open = await holdOpen('192.168.0.20');
  expect(await translatedConnections()).toBeLessThanOrEqual(translated);
  await open.stop();
});

test('traceroute shows the connector and then the host; a closed port is refused by the host at once', async () => {
  // A kernel tells one address of errors six times, then once a second, and all of them together fifty times: a hop that is
  // silent once is asked again.
  for (const host of [server, second]) {
    await host.run(['sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0']);
  }
  await eventually(async () => {
    const hops = await laptop.run(['traceroute', '-n', '-q', '1', '-w', '2', '192.168.0.20']);
    const addresses = [...hops.matchAll(/^ *\d+ +(\S+)/gm)].map(([, address]) => address);
    expect(addresses.at(-1)).toBe('192.168.0.20');
    expect(addresses.at(-2)).toMatch(/^100\.96\./);
  });
  const refused = await get('http://192.168.0.20:81/');
  expect([refused.code, refused.stdout]).toEqual([7, '']);
});

test('a device gets nothing that is meant for this host by choosing its source port, over UDP or TCP', async () => {
  const rules = ['masquerade', 'masquerade fully-random', undefined];
  const hosts = { device: laptop, translator: server, target: second };
  const shadowing = new PortShadowing(hosts, rules.length);
  // Long enough for the connector to see who listens.
  await pause(7_000);
  const before = (rule: string) =>
    `table ip before { chain out { type nat hook postrouting priority 90; ip saddr 100.96.0.0/16 ${rule}; }; }\n`;
  const verdicts: unknown[] = [];
  // As everybody does it; with ports of the kernel's choice out of all there are; and with ours alone.
  for (const [round, rule] of rules.entries()) {
    if (rule !== undefined) await server.run(['nft', '-f', '-'], { input: before(rule) });
    verdicts.push(await shadowing.tryAll(round));
    if (rule !== undefined) await server.run(['nft', 'delete', 'table', 'ip', 'before']);
  }
  await shadowing.stop();

  const all = (verdict: string) => ({
    'udp service': verdict,
    'udp spoken-to service': verdict,
    'udp own connection': verdict,
    'tcp service': verdict,
    'tcp spoken-to service': verdict,
    'tcp own connection': verdict,
  });
  expect(verdicts).toEqual([all('shadowed'), all('kept'), all('kept')]);
});

test('nobody reaches a cloud’s metadata through the kernel unless a range names exactly that address', async () => {
  const metadata = ['168.63.129.16', '192.0.0.192'];
  for (const address of metadata) {
    await second.run(['ip', 'address', 'add', `${address}/32`, 'dev', 'lo']);
    await server.run(['ip', 'route', 'add', `${address}/32`, 'via', '192.168.0.20']);
  }
  await startWeb(second, 'Only this machine may read me.', 9999);
  const { administrator, network } = scene;
  await administrator.addRange(network.id, '168.63.129.0/24');
  await administrator.addRange(network.id, '192.0.0.0/24');
  for (const address of metadata) {
    expect(await server.run(['curl', '-s', `http://${address}:9999/`])).toContain('Only this');
    await untilRouted(address);
    expect((await get(`http://${address}:9999/`)).stdout).toBe('');
  }

  await administrator.addRange(network.id, '168.63.129.16/32');

  await eventually(async () =>
    expect((await get('http://168.63.129.16:9999/')).stdout).toContain('Only this machine'),
  );
  expect((await get('http://192.0.0.192:9999/')).stdout).toBe('');
  // Past the engine, the firewall says the same: what comes out of the interface for this host is dropped.
  const rules = await server.run(['nft', 'list', 'chain', 'ip', 'culvert_connector', 'input']);
  expect(rules).toContain('iifname "culvert-net" drop');
  for (const address of metadata) await server.run(['ip', 'route', 'del', `${address}/32`]);
});

test('a host of the network does not get into the overlay, nor through the server to elsewhere', async () => {
  const overlay = (
    await laptop.sh("ip -4 -o addr show culvert0 | grep -o '100[.0-9]*' | head -1")
  ).trim();
  // What is tried here; connections of the tests before are still being closed by either kernel.
  const tried = 'src host 192.168.0.20 and (icmp or dst port 22 or 80 or 53 or 5000)';
  const arrived = laptop.start('tcpdump', ['tcpdump', '-nlt', '-i', 'culvert0', tried]);
  await arrived.waitFor(/listening on/);
  await second.sh(
    'ip route add 100.96.0.0/16 via 192.168.0.10; ip route add 203.0.113.20/32 via 192.168.0.10',
  );
  // What it answers is let in, and seen.
  await laptop.run(['ping', '-c', '1', '-W', '2', '192.168.0.20']);
  await arrived.waitFor(untilReplies(1));

  const answers = await Promise.all([
    ...[overlay, '203.0.113.20'].map((target) =>
      second.try(['ping', '-c', '2', '-i', '0.2', '-W', '1', target]),
    ),
    second.try(['nc', '-z', '-w', '1', overlay, '22']),
    second.try(['curl', '-s', '--max-time', '1', `http://${overlay}/`]),
  ]);
  for (const port of [53, 5000]) {
    await second.sh(`echo ${port} | nc -u -w 1 ${overlay} ${port} || true`);
  }

  expect(answers.map(({ code }) => code)).not.toContain(0);
  // One reply more, behind whatever else has come: tcpdump has read that too.
  await laptop.run(['ping', '-c', '1', '-W', '2', '192.168.0.20']);
  const [seen] = await arrived.waitFor(untilReplies(2));
  expect(seen.match(/^IP .*$/gm)).toEqual([
    expect.stringMatching(REPLY),
    expect.stringMatching(REPLY),
  ]);
  await arrived.stop();
  await second.sh('ip route del 100.96.0.0/16; ip route del 203.0.113.20/32');
  // The way around the server is open, so it was the server that did not forward.
  expect((await second.try(['ping', '-c', '1', '-W', '10', '203.0.113.20'])).code).toBe(0);
});

test('its engine is killed: the kernel forwards again within seconds, an open connection with it', async () => {
  const open = await holdOpen('192.168.0.20');
  await server.sh('pkill -KILL -x culvert-engine');

  await untilReached();
  expect(open.log).not.toContain('closed');
  await open.stop();
  await eventually(async () =>
    expect(await server.run([CONNECTOR, 'status'])).toMatch(/^Forwarding +by the kernel/m),
  );
});

test('everything is killed: the next start clears up, and without leave the host is byte for byte as before', async () => {
  await killAll();
  expect(await kernelState()).not.toBe(before);

  await runInstaller('--no-kernel');
  await untilReached();

  expect(await kernelState()).toBe(before);
  expect(await server.run([CONNECTOR, 'status'])).toMatch(
    /^Forwarding +in user space: .*--allow-kernel/m,
  );
});

test('stopped as a service is, it gives everything back', async () => {
  await runInstaller('--allow-kernel');
  await untilReached();
  expect(await kernelState()).not.toBe(before);

  await server.sh(
    `kill "$(cat /opt/${USER}/connector.pid)"; while pgrep -u ${USER} >/dev/null; do sleep 0.1; done`,
  );

  expect(await kernelState()).toBe(before);
});

test('what stands in the way is named, and it goes on in user space without a trace', async () => {
  const obstacles = [
    {
      put: 'nft add table ip filter; nft "add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }"',
      take: 'nft delete table ip filter',
      says: 'the firewall table ip filter drops',
    },
    {
      put: 'ip route add 100.96.0.0/16 via 192.168.0.1',
      take: 'ip route del 100.96.0.0/16',
      says: 'ip: RTNETLINK answers: File exists',
    },
    { put: 'chmod 600 /dev/net/tun', take: 'chmod 666 /dev/net/tun', says: '/dev/net/tun' },
  ];
  for (const { put, take, says } of obstacles) {
    await server.sh(put);
    await runInstaller('--allow-kernel');
    await eventually(async () =>
      expect(await server.run([CONNECTOR, 'status'])).toContain(`in user space: ${says}`),
    );
    await untilReached();
    await server.sh(take);
    expect(await kernelState(), says).toBe(before);
  }
});

test('everything is killed and then it is uninstalled: the host is byte for byte as before', async () => {
  await runInstaller('');
  await untilReached();
  await killAll();
  expect(await kernelState()).not.toBe(before);

  await runInstaller('--uninstall');

  expect(await kernelState()).toBe(before);
  expect((await server.try(['ls', `/opt/${USER}`])).code).not.toBe(0);
});

/** The line from the dashboard without its token: what is there is upgraded. */
async function runInstaller(option: string): Promise<void> {
  const { command } = await scene.administrator.connectorLine(scene.network.id);
  await server.sh(command.replace(/ -- .*$/, ` -- ${option}`));
}

/** Everything up to the end of that many lines that tell of an echo reply. */
function untilReplies(count: number): RegExp {
  return new RegExp(`^(?:[^]*?echo reply.*\\n){${count}}`);
}

/** What a connector may touch of a host, as text. */
async function kernelState(): Promise<string> {
  return await server.sh(`ip -4 route show table all; ip -6 route show table all; ip rule
    ip -brief link; ip -brief address; nft list ruleset
    sysctl -a 2>/dev/null | grep -E '^net.ipv4.(ip_forward|conf)'`);
}

async function killAll(): Promise<void> {
  await server.sh(`pkill -KILL -u ${USER}; while pgrep -u ${USER} >/dev/null; do sleep 0.1; done`);
}

async function translatedConnections(): Promise<number> {
  const status = JSON.parse(await server.run([CONNECTOR, 'status', '--json'])) as ConnectorStatus;
  if (!status.engine) throw new Error('the connector’s engine does not run');
  return status.engine.flows;
}

/** A connection that says so when it ends. */
async function holdOpen(address: string): Promise<Service> {
  const script = `(sleep 60) | nc ${address} 22; echo closed`;
  const open = laptop.start('open', ['sh', '-c', script], { user: 'alice' });
  await open.waitFor(/SSH-2/);
  return open;
}

async function untilReached(): Promise<void> {
  await eventually(async () => expect((await get('http://192.168.0.20/')).code).toBe(0), 30_000);
}

async function untilRouted(address: string): Promise<void> {
  await eventually(async () =>
    expect(await laptop.run(['ip', 'route', 'get', address])).toContain('culvert0'),
  );
}

async function get(url: string): Promise<Finished> {
  return await laptop.try(['curl', '-s', '--max-time', '5', url], { user: 'alice' });
}
