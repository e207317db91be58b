/** Starting the middle: wireguard-go as an interface that forwards, Culvert as its gateway switch, without a TUN. */
import { type GatewayEngineConfig, PROTOCOL_VERSION } from '../../native/client/protocol.ts';
import type { Service } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { type Contender, startInterface, untilThere } from './engines.ts';
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
): Promise<Service> {
  return contender.name === 'culvert'
    ? await startSwitch(host, keys, behind)
    : await startForwarder(host, contender, keys, behind);
}

async function startForwarder(
  host: Host,
  contender: Contender,
  keys: HubKeys,
  behind: string[],
): Promise<Service> {
  const service = await startInterface(host, contender, keys.hub.privateKey, HUB.inner, [
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
  return service;
}

async function startSwitch(host: Host, keys: HubKeys, behind: string[]): Promise<Service> {
  const socket = '/run/engine.sock';
  const service = host.start('culvert gateway', [
    '/opt/culvert/native/target/release/culvert-engine',
    'gateway',
    '--control',
    socket,
  ]);
  await untilThere(host, service, socket);
  const config: GatewayEngineConfig = {
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
    rules: [
      {
        id: 'all',
        name: 'all',
        action: 'allow',
        subjects: ['everyone'],
        networkIds: [],
        ranges: [],
        protocol: 'any',
        ports: [],
      },
    ],
  };
  await configure(host, socket, config);
  return service;
}

/** Asked from inside the host: the engine wants to know who calls, and a process outside has no number in there. */
export async function configure(host: Host, socket: string, params: unknown): Promise<void> {
  const line = `${JSON.stringify({ v: PROTOCOL_VERSION, id: 1, method: 'configure', params })}\n`;
  const answer = await host.run(['nc', '-N', '-U', socket], { input: line });
  const { error } = JSON.parse(answer) as { error?: { message: string } };
  if (error) throw new Error(`the engine refused its configuration: ${error.message}`);
}
