/** The switch with many devices that all send, and nothing that comes back. */
import type { EnginePeer, GatewayEngineConfig } from '../../native/client/protocol.ts';
import type { Service } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import { everyoneMayReach, startSwitch } from './hub.ts';
import { type KeyPair, keyPair } from './keys.ts';
import { memberKeys, type Phases, startDevices } from './load.ts';
import { HUB } from './topology.ts';

export interface Load {
  devices: number;
  flows: number;
  ranges: number;
  hubCores: string;
  loadCores: string;
}

/** One device, one flow, and a core for each side. */
export const alone: Load = { devices: 1, flows: 1, ranges: 1, hubCores: '1', loadCores: '0' };

/** All have a session when this returns; then each flow sends its first packet, and then they send for so long. */
export async function startHubLoad(
  lab: Lab,
  load: Load,
  seconds: number,
): Promise<Phases & { hub: Service }> {
  const hubKeys = keyPair();
  const members = await memberKeys(load.devices + 1);
  // As cards do: otherwise the hub is handed packets of many devices in one piece, which no network would do.
  await lab.host('left').run(['ethtool', '-K', 'eth0', 'tx-udp-segmentation', 'off']);
  const hub = await startSwitch(lab.host('hub'), gateway(load, hubKeys, members), load.hubCores);
  const to = { address: `${HUB.outer}:51820`, publicKey: hubKeys.publicKey };
  const wanted = { ...load, seconds, cores: load.loadCores };
  return { hub, ...(await startDevices(lab.host('left'), to, wanted)) };
}

function gateway(load: Load, keys: KeyPair, members: string[]): GatewayEngineConfig {
  const [connector = '', ...devices] = members;
  const ranges = Array.from({ length: load.ranges }, (_, number) => `${addressOf(number * 16)}/28`);
  const peers: EnginePeer[] = devices.map((publicKey, number) => ({
    kind: 'device',
    id: `d${number}`,
    publicKey,
    addresses: [deviceAddress(number + 1)],
    subjects: ['everyone'],
    expiresAt: null,
  }));
  const joined: EnginePeer = {
    kind: 'connector',
    id: 'connector',
    publicKey: connector,
    addresses: ['100.96.0.2'],
    networkId: 'net',
    healthy: true,
  };
  return {
    privateKey: keys.privateKey,
    listenPort: 51820,
    mtu: 1420,
    peers: [...peers, joined],
    networks: [{ id: 'net', ranges }],
    rules: ranges.map((range, number) => everyoneMayReach(`r${number}`, [range])),
  };
}

/** In 10.0.0.0/8, as `culvert-load devices` counts them. */
function addressOf(offset: number): string {
  return `10.${offset >> 16}.${(offset >> 8) & 255}.${offset & 255}`;
}

function deviceAddress(number: number): string {
  const offset = 256 + number;
  return `100.96.${offset >> 8}.${offset & 255}`;
}
