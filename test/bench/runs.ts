/** One run of one contender in one topology, from an empty lab to figures. */
import type { Service } from '../lab/command.ts';
import { Lab } from '../lab/lab.ts';
import { type Contender, startInterface, untilThere } from './engines.ts';
import { configure, type HubKeys, startHub } from './hub.ts';
import { keyPair } from './keys.ts';
import { median, quantile, roundTrips, tcp, usage } from './measure.ts';
import { benchTopology, HUB, LEFT, RIGHT, TARGET } from './topology.ts';

export type Shape = 'T1' | 'T2' | 'T3';

export interface Figures {
  /** Gbit/s. */
  oneStream: number;
  fourStreams: number;
  /** CPU seconds of all engines in the path, per GB carried with four streams. */
  cpuPerGb: number;
  rttIdleMs: number;
  rttLoadedMs: number;
  rttLoadedP99Ms: number;
  /** Largest resident set of an engine after the load, MB. */
  rssMb: number;
}

export interface Pace {
  seconds: number;
  pings: number;
}

export async function runOnce(shape: Shape, contender: Contender, pace: Pace): Promise<Figures> {
  await using lab = await Lab.build(benchTopology);
  try {
    const { engines, address, far } = await setUp(lab, shape, contender);
    return await takeFigures(lab, engines, address, far, pace);
  } catch (cause) {
    throw new Error(`${contender.name} in ${shape}: ${(cause as Error).message}\n${lab.logs}`, {
      cause,
    });
  }
}

interface Path {
  engines: Service[];
  /** What `left` talks to, and the host that answers there. */
  address: string;
  far: string;
}

async function setUp(lab: Lab, shape: Shape, contender: Contender): Promise<Path> {
  const keys: HubKeys = { hub: keyPair(), left: keyPair(), right: keyPair() };
  if (shape === 'T1') return await pointToPoint(lab, contender, keys);
  // The switch carries traffic to networks, not between overlay addresses, so the far end is one for everybody.
  const behind = [shape === 'T3' ? `${TARGET}/32` : `${RIGHT.service}/32`];
  const hub = await startHub(lab.host('hub'), contender, keys, behind);
  const throughHub = {
    publicKey: keys.hub.publicKey,
    endpoint: `${HUB.outer}:51820`,
    keepalive: 1,
  };
  const left = await startInterface(lab.host('left'), contender, keys.left.privateKey, LEFT.inner, [
    { ...throughHub, allowedIps: ['100.96.0.0/24', ...behind] },
  ]);
  for (const range of behind)
    await lab.host('left').run(['ip', 'route', 'add', range, 'dev', 'wg0']);
  const right =
    shape === 'T3' && contender.name === 'culvert'
      ? await startConnector(lab, keys)
      : await startInterface(lab.host('right'), contender, keys.right.privateKey, RIGHT.inner, [
          { ...throughHub, allowedIps: ['100.96.0.0/24'] },
        ]);
  if (shape === 'T3' && contender.name !== 'culvert') await masquerade(lab);
  if (shape === 'T2')
    await lab.host('right').run(['ip', 'address', 'add', `${RIGHT.service}/32`, 'dev', 'wg0']);
  const engines = [left, hub, right];
  return shape === 'T3'
    ? { engines, address: TARGET, far: 'target' }
    : { engines, address: RIGHT.service, far: 'right' };
}

async function pointToPoint(lab: Lab, contender: Contender, keys: HubKeys): Promise<Path> {
  const right = await startInterface(
    lab.host('right'),
    contender,
    keys.right.privateKey,
    RIGHT.inner,
    [
      {
        publicKey: keys.left.publicKey,
        allowedIps: [`${LEFT.inner}/32`],
        endpoint: `${LEFT.outer}:51820`,
      },
    ],
  );
  const left = await startInterface(lab.host('left'), contender, keys.left.privateKey, LEFT.inner, [
    {
      publicKey: keys.right.publicKey,
      allowedIps: [`${RIGHT.inner}/32`],
      endpoint: `${RIGHT.outer}:51820`,
    },
  ]);
  return { engines: [left, right], address: RIGHT.inner, far: 'right' };
}

/** Culvert's connector runs as nobody, without a TUN; the others forward and masquerade as root. */
async function startConnector(lab: Lab, keys: HubKeys): Promise<Service> {
  const host = lab.host('right');
  const socket = '/run/connector/engine.sock';
  await host.sh('useradd --system connector && install -d -o connector /run/connector');
  // Most distributions let every group ping (systemd's own default); a new network namespace lets none.
  await host.run(['sysctl', '-qw', 'net.ipv4.ping_group_range=0 2147483647']);
  const argv = [
    '/opt/culvert/native/target/release/culvert-engine',
    'connector',
    '--control',
    socket,
  ];
  const service = host.start('culvert connector', argv, { user: 'connector' });
  await untilThere(host, service, socket);
  await configure(host, socket, {
    privateKey: keys.right.privateKey,
    mtu: 1420,
    addresses: [RIGHT.inner],
    ranges: [`${TARGET}/32`],
    overlay: ['100.96.0.0/24'],
    peers: [
      {
        id: 'hub',
        publicKey: keys.hub.publicKey,
        endpoints: [`${HUB.outer}:51820`],
        keepaliveSeconds: 1,
      },
    ],
  });
  return service;
}

async function masquerade(lab: Lab): Promise<void> {
  const host = lab.host('right');
  await host.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  await host.run(['nft', '-f', '-'], {
    input:
      'table ip bench { chain post { type nat hook postrouting priority srcnat; oifname "eth1" masquerade; }; }\n',
  });
}

async function takeFigures(
  lab: Lab,
  engines: Service[],
  address: string,
  far: string,
  pace: Pace,
): Promise<Figures> {
  const left = lab.host('left');
  await untilAnswers(lab, address);
  const idle = await roundTrips(left, address, pace.pings);
  const one = await tcp(left, lab.host(far), address, 1, pace.seconds);
  const before = await cpuOf(engines);
  const four = await tcp(left, lab.host(far), address, 4, pace.seconds);
  const cpu = (await cpuOf(engines)) - before;
  const load = tcp(left, lab.host(far), address, 1, pace.seconds);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const loaded = await roundTrips(left, address, Math.floor((pace.seconds - 0.7) / 0.02), 0.02);
  await load;
  const memory = await Promise.all(engines.map(usage));
  return {
    oneStream: one.gbitPerSecond,
    fourStreams: four.gbitPerSecond,
    cpuPerGb: cpu / (four.bytes / 1e9),
    rttIdleMs: median(idle),
    rttLoadedMs: quantile(loaded, 0.5),
    rttLoadedP99Ms: quantile(loaded, 0.99),
    rssMb: Math.max(...memory.map((one) => one.rssMb)),
  };
}

async function untilAnswers(lab: Lab, address: string): Promise<void> {
  for (let tries = 0; tries < 30; tries++) {
    if ((await lab.host('left').try(['ping', '-n', '-c1', '-W1', address])).code === 0) return;
  }
  throw new Error(`${address} does not answer through the tunnel`);
}

async function cpuOf(engines: Service[]): Promise<number> {
  const each = await Promise.all(engines.map(usage));
  return each.reduce((total, one) => total + one.cpuSeconds, 0);
}
