/**
 * Whoever looks for a fault through the tunnel sees what somebody on site would see: the same scans, pings and traces are made on
 * the connector's machine and on the laptop, and what they say is compared.
 *
 *   laptop ── home-router ── internet: gateway ── vpc-router ── vpc: server .10 (connector; “on site”)
 *                                                                    second .20 ── MTU 1300 ── 10.77.0.20 far
 *
 * `second` has one port of each kind, and is the router to `far`. Nobody has 192.168.0.99. The connector is one hop more.
 */
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import type { Finished } from '../lab/command.ts';
import { eventually } from '../lab/eventually.ts';
import type { Host } from '../lab/host.ts';
import { buildConnectedWorld, type ConnectedWorld } from '../world/connected-world.ts';

const SECOND = '192.168.0.20';
const NOBODY = '192.168.0.99';
const FAR = '10.77.0.20';
const FAR_RANGE = '10.77.0.0/24';

let scene: ConnectedWorld;
let laptop: Host;
let onSite: Host;

beforeAll(async () => {
  scene = await buildConnectedWorld();
  [laptop, onSite] = ['laptop', 'server'].map((name) => scene.world.lab.host(name)) as [Host, Host];
  await makeTargets(scene.world.lab.host('second'));
  await onSite.run(['ip', 'route', 'add', FAR_RANGE, 'via', SECOND]);
  await scene.administrator.addRange(scene.network.id, FAR_RANGE);
  await eventually(async () => await laptop.run(['ping', '-c', '1', '-W', '2', FAR]));
});
afterAll(async () => {
  await scene?.world.stop();
});
beforeEach(() => {
  onTestFailed(() => console.log(scene.world.lab.logs.slice(-20_000)));
});

test('a connect scan finds open, closed, filtered, prohibited and unreachable alike, and for the same reasons', async () => {
  const scan = async (host: Host) => await scanned(host, '80,81,8001-8005', SECOND, NOBODY, FAR);

  const [there, here] = [await scan(onSite), await scan(laptop)];

  expect(here).toEqual(there);
  expect(here).toEqual([
    SECOND,
    '80/tcp open syn-ack',
    '81/tcp closed conn-refused',
    '8001/tcp filtered no-response',
    expect.stringMatching(/^8002\/tcp filtered /),
    '8003/tcp closed conn-refused',
    expect.stringMatching(/^8004\/tcp filtered /),
    '8005/tcp closed conn-refused',
    NOBODY,
    ...[80, 81, 8001, 8002, 8003, 8004, 8005].map((port) =>
      expect.stringMatching(`^${port}/tcp filtered `),
    ),
    FAR,
    ...[80, 81, 8001, 8002, 8003, 8004, 8005].map((port) => `${port}/tcp closed conn-refused`),
  ]);
});

test('a scan of a thousand ports finds the same', async () => {
  const scan = async (host: Host) => await scanned(host, '1-1000', SECOND);

  expect(await scan(laptop)).toEqual(await scan(onSite));
});

test.for([
  ['a port that is open', SECOND, 80],
  ['a port that is closed', SECOND, 81],
  ['a port that a firewall rejects by ICMP', SECOND, 8002],
  ['an address that nobody has', NOBODY, 80],
] as const)('what a program is told of %s', async ([, address, port]) => {
  const connect = [
    'timeout',
    '20',
    'bash',
    '-c',
    `: </dev/tcp/${address}/${port} && echo connected`,
  ];
  const told = async (host: Host) => {
    const { stdout, stderr } = await host.try(connect);
    return `${stdout}${stderr}`.replaceAll(/^.*: /gm, '').trim();
  };

  expect(await told(laptop)).toBe(await told(onSite));
});

test.for(['', '-I', '-U -p 33434', '-T -p 80', '-T -p 81'])(
  'traceroute %s: the connector, and then what it shows on site',
  async (method) => {
    const argv = `traceroute -n -q 1 -N 1 -w 10 -m 5 ${method}`.trim().split(' ');
    const traced = async (host: Host, target: string) => hops(await host.run([...argv, target]));

    for (const target of [SECOND, FAR]) {
      const [connector, ...here] = await traced(laptop, target);
      expect(here).toEqual(await traced(onSite, target));
      expect(connector).toMatch(/^100\.96\./);
      expect(here.at(-1)).toBe(target);
    }
  },
);

/** Between 1392 and 1472 the laptop has to cut what a host on site need not, so only a wide way answers alike. */
test.for([
  [56, [SECOND, FAR]],
  [1392, [SECOND, FAR]],
  [1393, [SECOND]],
  [3000, [SECOND, FAR]],
  [20_000, [SECOND, FAR]],
  [65_000, [SECOND, FAR]],
] as const)('ping -s %s', async ([bytes, targets]) => {
  await forgetWays();
  const answers = async (host: Host, target: string) =>
    await pingTwice(host, ['-s', String(bytes), target]);

  for (const target of targets) {
    const here = await answers(laptop, target);
    await forgetWays();
    expect(here.map(oneHopNearer)).toEqual(await answers(onSite, target));
    expect(here.some((line) => line.startsWith(`${bytes + 8} bytes from ${target}`))).toBe(true);
  }
});

test('a ping that nobody answers, and one whose hops run out', async () => {
  const ping = async (host: Host, hopLimit: number, target: string) =>
    said(await host.try(['ping', '-n', '-c', '1', '-W', '15', '-t', String(hopLimit), target]));
  /** On site the host itself says so; for us its router, the connector, does. */
  const speaker = (line: string) => line.replace(/^From \S+/, 'From');

  expect(await ping(laptop, 2, FAR)).toEqual(await ping(onSite, 1, FAR));
  expect((await ping(laptop, 64, NOBODY)).map(speaker)).toEqual(
    (await ping(onSite, 64, NOBODY)).map(speaker),
  );
});

test('a way that is too narrow behind the connector is found out as on site', async () => {
  const ping = async (host: Host) => {
    await forgetWays();
    return await pingTwice(host, ['-M', 'do', '-s', '1350', FAR]);
  };

  const [there, here] = [await ping(onSite), await ping(laptop)];

  expect(here).toEqual(there);
  expect(here[0]).toBe(`From ${SECOND} icmp_seq=1 Frag needed and DF set (mtu = 1300)`);
});

/** One port of each kind on `second`, and a host behind it. */
async function makeTargets(second: Host): Promise<void> {
  await second.sh(`
    nft -f - <<'RULES'
table inet targets {
  chain input {
    type filter hook input priority 0;
    tcp dport 8001 drop
    tcp dport 8002 reject with icmpx type admin-prohibited
    tcp dport 8003 reject with tcp reset
    tcp dport 8004 reject with icmpx type host-unreachable
  }
}
RULES
    sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0
    ip netns add far
    ip link add to-far mtu 1300 type veth peer name eth0 netns far
    ip address add 10.77.0.1/24 dev to-far
    ip link set to-far up
    ip -n far address add ${FAR}/24 dev eth0
    ip -n far link set lo up
    ip -n far link set eth0 mtu 1300 up
    ip -n far route add default via 10.77.0.1
    ip netns exec far sysctl -qw net.ipv4.icmp_ratelimit=0`);
}

/** What a narrow way has taught either machine. */
async function forgetWays(): Promise<void> {
  for (const host of [laptop, onSite]) await host.run(['ip', 'route', 'flush', 'cache']);
}

/** Hosts, and ports with state and reason. A connection that an ICMP message ends may take three seconds and more. */
async function scanned(host: Host, ports: string, ...targets: string[]): Promise<string[]> {
  const patience = ['--initial-rtt-timeout', '9s', '--min-rtt-timeout', '9s', '--max-retries', '0'];
  const argv = ['nmap', '--unprivileged', '-n', '-Pn', '-sT', '-vv', '--reason', ...patience];
  const { stdout } = await host.try([...argv, '-p', ports, ...targets], {
    user: 'alice',
    timeoutMs: 120_000,
  });
  return stdout.split('\n').flatMap((line) => {
    const target = /^Nmap scan report for (\S+)/.exec(line)?.[1];
    if (line.startsWith('Not shown:')) return [line];
    const port = /^(\d+\/tcp)\s+(\S+)\s+\S+\s+(.*\S)/.exec(line);
    if (target !== undefined) return [target];
    return port === null ? [] : [`${port[1]} ${port[2]} ${port[3]}`];
  });
}

/** Who answered at each hop, and what else than “on the way” was said. */
function hops(output: string): string[] {
  return output
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) =>
      line
        .trim()
        .replace(/^\d+\s+/, '')
        .replace(/\s+[\d.]+ ms/, ''),
    );
}

/** The second one goes when the first one's end has come, whatever that is: it may have taught the sender something. */
async function pingTwice(host: Host, argv: string[]): Promise<string[]> {
  const once = async () => said(await host.try(['ping', '-n', '-c', '1', '-W', '10', ...argv]));
  return [...(await once()), ...(await once())];
}

/** What ping said of each packet, without times. */
function said({ stdout, stderr }: Finished): string[] {
  return `${stdout}\n${stderr}`
    .split('\n')
    .filter((line) => /icmp_seq|local error/.test(line))
    .map((line) => line.replace(/ time=.*/, ''));
}

function oneHopNearer(line: string): string {
  return line.replace(/ttl=(\d+)/, (_, ttl: string) => `ttl=${Number(ttl) + 1}`);
}
