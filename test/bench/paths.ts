/** The paths that traffic takes: two ends, a hub between them, a host behind one of them. */
import type { Service } from '../lab/command.ts';
import { eventually } from '../lab/eventually.ts';
import type { Host } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import { startConnector } from './connector.ts';
import type { Contender } from './contender.ts';
import { startInterface } from './engines.ts';
import { type HubKeys, startHub } from './hub.ts';
import { keyPair } from './keys.ts';
import { HUB, LEFT, RIGHT, TARGET } from './topology.ts';

export type Shape = 'T1' | 'T1-cut' | 'T1-gro' | 'T2' | 'T3';

export interface Path {
  ends: Service[];
  hub: Service[];
  /** What `left` talks to, and the host that answers there. */
  address: string;
  far: Host;
  /** Public key of the engine at the far end. */
  farKey: string;
}

/** In the order in which a packet from `left` meets them. */
export function enginesOf({ ends, hub }: Path): [name: string, service: Service][] {
  const [left, ...others] = ends;
  const named = (name: string, services: Service[]) =>
    services.map((service): [string, Service] => [name, service]);
  return [
    ...named('near end', left === undefined ? [] : [left]),
    ...named('hub', hub),
    ...named('far end', others),
  ];
}

export async function layPath(lab: Lab, shape: Shape, contender: Contender): Promise<Path> {
  const keys: HubKeys = { hub: keyPair(), left: keyPair(), right: keyPair() };
  if (shape === 'T2') return await layThroughHub(lab, contender, keys);
  if (shape === 'T3') return await layToTarget(lab, contender, keys);
  if (shape !== 'T1') await cutPackets(lab);
  if (shape === 'T1-gro') await gluePackets(lab);
  return await layPointToPoint(lab, contender, keys);
}

/** veth hands super-packets whole from socket to socket, which no cable does: the sender's stack is to cut them. */
async function cutPackets(lab: Lab): Promise<void> {
  for (const end of ['left', 'right'])
    await lab.host(end).run(['ethtool', '-K', 'eth0', 'tx-udp-segmentation', 'off', 'gro', 'on']);
}

/** As behind a network card. A veth leaves gluing out for what comes from a device with TSO: its other end must have none. */
async function gluePackets(lab: Lab): Promise<void> {
  for (const end of ['left', 'right'])
    await lab.host(end).run(['ethtool', '-K', 'eth0', 'rx-udp-gro-forwarding', 'on']);
  await lab.fabric.sh(
    'for port in /sys/class/net/p*; do ethtool -K "$(basename "$port")" tso off; done',
  );
}

async function layPointToPoint(lab: Lab, contender: Contender, keys: HubKeys): Promise<Path> {
  const [left, far] = [lab.host('left'), lab.host('right')];
  const right = await startInterface(far, contender, keys.right.privateKey, RIGHT.inner, [
    {
      publicKey: keys.left.publicKey,
      allowedIps: [`${LEFT.inner}/32`],
      endpoint: `${LEFT.outer}:51820`,
    },
  ]);
  const here = await startInterface(left, contender, keys.left.privateKey, LEFT.inner, [
    {
      publicKey: keys.right.publicKey,
      allowedIps: [`${RIGHT.inner}/32`],
      endpoint: `${RIGHT.outer}:51820`,
    },
  ]);
  return {
    ends: [...here, ...right],
    hub: [],
    address: RIGHT.inner,
    far,
    farKey: keys.right.publicKey,
  };
}

/** The switch carries traffic to networks, not between overlay addresses, so the far end is one for everybody. */
async function layThroughHub(lab: Lab, contender: Contender, keys: HubKeys): Promise<Path> {
  const behind = `${RIGHT.service}/32`;
  const far = lab.host('right');
  const hub = await startHub(lab.host('hub'), contender, keys, [behind]);
  const left = await startLeft(lab.host('left'), contender, keys, behind);
  const right = await startInterface(far, contender, keys.right.privateKey, RIGHT.inner, [
    towardsHub(keys, []),
  ]);
  await far.run(['ip', 'address', 'add', behind, 'dev', 'wg0']);
  return {
    ends: [...left, ...right],
    hub,
    address: RIGHT.service,
    far,
    farKey: keys.right.publicKey,
  };
}

async function layToTarget(lab: Lab, contender: Contender, keys: HubKeys): Promise<Path> {
  const behind = `${TARGET}/32`;
  const hub = await startHub(lab.host('hub'), contender, keys, [behind]);
  const left = await startLeft(lab.host('left'), contender, keys, behind);
  const host = lab.host('right');
  const right = contender.isOurs
    ? [await startConnector(host, contender, keys)]
    : await startForwardingEnd(host, contender, keys);
  return {
    ends: [...left, ...right],
    hub,
    address: TARGET,
    far: lab.host('target'),
    farKey: keys.right.publicKey,
  };
}

async function startLeft(
  host: Host,
  contender: Contender,
  keys: HubKeys,
  behind: string,
): Promise<Service[]> {
  const services = await startInterface(host, contender, keys.left.privateKey, LEFT.inner, [
    towardsHub(keys, [behind]),
  ]);
  await host.run(['ip', 'route', 'add', behind, 'dev', 'wg0']);
  return services;
}

/** How everybody but us does it: an interface, forwarding, and a masquerade. */
async function startForwardingEnd(
  host: Host,
  contender: Contender,
  keys: HubKeys,
): Promise<Service[]> {
  const services = await startInterface(host, contender, keys.right.privateKey, RIGHT.inner, [
    towardsHub(keys, []),
  ]);
  await host.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  await host.run(['nft', '-f', '-'], {
    input:
      'table ip bench { chain post { type nat hook postrouting priority srcnat; oifname "eth1" masquerade; }; }\n',
  });
  return services;
}

function towardsHub(keys: HubKeys, behind: string[]) {
  return {
    publicKey: keys.hub.publicKey,
    endpoint: `${HUB.outer}:51820`,
    keepalive: 1,
    allowedIps: ['100.96.0.0/24', ...behind],
  };
}

export async function untilAnswers(from: Host, address: string): Promise<void> {
  const ask = () => from.run(['ping', '-n', '-c1', '-W0.5', address]);
  await eventually(ask, 30_000).catch((cause: unknown) => {
    throw new Error(`${address} does not answer through the tunnel within half a minute`, {
      cause,
    });
  });
}
