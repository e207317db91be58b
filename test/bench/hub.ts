/** Starting the middle: others as an interface that forwards, Culvert as its gateway switch, without a TUN. */
import {
  type ConnectorEngineConfig,
  type GatewayEngineConfig,
  PROTOCOL_VERSION,
} from '../../native/client/protocol.ts';
import type { Service } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { type Contender, ENGINE } from './contender.ts';
import { startInterface, untilThere } from './engines.ts';
import type { KeyPair } from './keys.ts';
import { HUB, LEFT, RIGHT } from './topology.ts';

export interface HubKeys {
  hub: KeyPair;
  left: KeyPair;
  right: KeyPair;
}

/** `behind`: what lies on the right side beside its overlay address. */
export async function startHub(
  host: Host,
  contender: Contender,
  keys: HubKeys,
  behind: string[],
): Promise<Service[]> {
  return contender.isOurs
    ? [await startSwitch(host, oneDevice(keys, behind), undefined, contender.engine)]
    : await startForwarder(host, contender, keys, behind);
}

async function startForwarder(
  host: Host,
  contender: Contender,
  keys: HubKeys,
  behind: string[],
): Promise<Service[]> {
  const services = await startInterface(host, contender, keys.hub.privateKey, HUB.inner, [
    {
      publicKey: keys.left.publicKey,
      allowedIps: [`${LEFT.inner}/32`],
      endpoint: `${LEFT.outer}:51820`,
    },
    {
      publicKey: keys.right.publicKey,
      allowedIps: [`${RIGHT.inner}/32`, ...behind],
      endpoint: `${RIGHT.outer}:51820`,
    },
  ]);
  await host.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  for (const range of behind) await host.run(['ip', 'route', 'add', range, 'dev', 'wg0']);
  return services;
}

/** `cores`: as `taskset` takes them; without, all. */
export async function startSwitch(
  host: Host,
  config: GatewayEngineConfig,
  cores?: string,
  engine = ENGINE,
): Promise<Service> {
  const socket = '/run/engine.sock';
  const pin = cores === undefined ? [] : ['taskset', '--cpu-list', cores];
  const argv = [...pin, engine, 'gateway', '--control', socket];
  const service = host.start('culvert gateway', argv);
  await untilThere(host, service, socket);
  await configureEngine(host, socket, config);
  return service;
}

function oneDevice(keys: HubKeys, behind: string[]): GatewayEngineConfig {
  return {
    privateKey: keys.hub.privateKey,
    listenPort: 51820,
    mtu: 1420,
    peers: [
      {
        kind: 'device',
        id: 'left',
        publicKey: keys.left.publicKey,
        addresses: [LEFT.inner],
        subjects: ['everyone'],
        expiresAt: null,
      },
      {
        kind: 'connector',
        id: 'right',
        publicKey: keys.right.publicKey,
        addresses: [RIGHT.inner],
        networkId: 'net',
        healthy: true,
      },
    ],
    networks: [{ id: 'net', ranges: behind }],
    rules: [everyoneMayReach('all', [])],
  };
}

/** No ranges: all of them. */
export function everyoneMayReach(
  id: string,
  ranges: string[],
): GatewayEngineConfig['rules'][number] {
  return {
    id,
    name: id,
    action: 'allow',
    subjects: ['everyone'],
    networkIds: [],
    ranges,
    protocol: 'any',
    ports: [],
  };
}

/** Asked from inside the host: the engine wants to know who calls, and a process outside has no number in there. */
export async function configureEngine(
  host: Host,
  socket: string,
  params: GatewayEngineConfig | ConnectorEngineConfig,
): Promise<void> {
  const line = `${JSON.stringify({ v: PROTOCOL_VERSION, id: 1, method: 'configure', params })}\n`;
  const answer = await host.run(['nc', '-N', '-U', socket], { input: line });
  const { error } = JSON.parse(answer) as { error?: { message: string } };
  if (error) throw new Error(`the engine refused its configuration: ${error.message}`);
}
