/** How our switch grows: with cores, with active peers, with ranges and rules. The others have no such switch. */
import { availableParallelism } from 'node:os';
import type { EnginePeer, GatewayEngineConfig } from '../../native/client/protocol.ts';
import type { Lab } from '../lab/lab.ts';
import { type Contender, culvert } from './contender.ts';
import type { Column, Experiment, Pace } from './figures.ts';
import { everyoneMayReach, startSwitch } from './hub.ts';
import { type KeyPair, keyPair } from './keys.ts';
import { memberKeys, startDevices } from './load.ts';
import { HUB, inLab } from './topology.ts';
import { cpuDuring } from './usage.ts';

interface Load {
  devices: number;
  flows: number;
  ranges: number;
  hubCores: string;
  loadCores: string;
}

const alone = { devices: 1, flows: 1, ranges: 1, hubCores: '1', loadCores: '0' };
const perCpuSecond = (key: string, title: string): Column => ({
  key,
  title: `${title}: packets/CPU s`,
  digits: 0,
  better: 'more',
});
const newFlow = (key: string, title: string): Column => ({
  key,
  title: `${title}: µs a new flow`,
  digits: 1,
  better: 'less',
});
const takesPart = (contender: Contender) => contender === culvert;

export const hubPeersExperiment: Experiment = {
  id: 'hub-peers',
  title: 'hub-peers  the switch with 1, 100 and 10,000 devices that all send, 1300 bytes a packet',
  columns: [
    perCpuSecond('peers1', '1'),
    perCpuSecond('peers100', '100'),
    perCpuSecond('peers10000', '10,000'),
  ],
  quickPeers: [],
  takesPart,
  run: async (_, pace) => ({
    peers1: (await carry(alone, pace)).perCpuSecond,
    peers100: (await carry({ ...alone, devices: 100 }, pace)).perCpuSecond,
    peers10000: (await carry({ ...alone, devices: 10_000 }, pace)).perCpuSecond,
  }),
};

const MANY_FLOWS = 1_000;

export const hubRangesExperiment: Experiment = {
  id: 'hub-ranges',
  title: 'hub-ranges  the switch with 10, 1,000 and 100,000 ranges and as many rules, 1,000 flows',
  columns: [
    perCpuSecond('ranges10', '10'),
    perCpuSecond('ranges1000', '1,000'),
    perCpuSecond('ranges100000', '100,000'),
    newFlow('newFlow10', '10'),
    newFlow('newFlow1000', '1,000'),
    newFlow('newFlow100000', '100,000'),
  ],
  quickPeers: [],
  takesPart,
  run: async (_, pace) => {
    const load = { ...alone, flows: MANY_FLOWS };
    const ten = await carry({ ...load, ranges: 10 }, pace);
    const thousand = await carry({ ...load, ranges: 1_000 }, pace);
    const most = await carry({ ...load, ranges: 100_000 }, pace);
    return {
      ranges10: ten.perCpuSecond,
      ranges1000: thousand.perCpuSecond,
      ranges100000: most.perCpuSecond,
      newFlow10: ten.newFlowMicros,
      newFlow1000: thousand.newFlowMicros,
      newFlow100000: most.newFlowMicros,
    };
  },
};

/** Two cores for the hub and two for what loads it; with less, the load takes from the hub what the second core gives. */
export const CORES_FOR_SCALING = 4;

export const hubCoresExperiment: Experiment = {
  id: 'hub-cores',
  title: 'hub-cores  the switch on one core and on two, 100 devices',
  columns: [
    { key: 'oneCore', title: '1 core: packets a second', digits: 0, better: 'more' },
    { key: 'twoCores', title: '2 cores', digits: 0, better: 'more' },
  ],
  quickPeers: [],
  takesPart: (contender) => contender === culvert && availableParallelism() >= CORES_FOR_SCALING,
  run: async (_, pace) => {
    const rest = `2-${availableParallelism() - 1}`;
    const load = { ...alone, devices: 100, loadCores: rest };
    return {
      oneCore: (await carry({ ...load, hubCores: '0' }, pace)).perSecond,
      twoCores: (await carry({ ...load, hubCores: '0-1' }, pace)).perSecond,
    };
  },
};

interface Rate {
  perSecond: number;
  perCpuSecond: number;
  newFlowMicros: number;
}

function carry(load: Load, pace: Pace): Promise<Rate> {
  return inLab((lab) => carryIn(lab, load, pace));
}

async function carryIn(lab: Lab, load: Load, pace: Pace): Promise<Rate> {
  const hubKeys = keyPair();
  const members = await memberKeys(load.devices + 1);
  // As cards do: otherwise the hub is handed packets of many devices in one piece, which no network would do.
  await lab.host('left').run(['ethtool', '-K', 'eth0', 'tx-udp-segmentation', 'off']);
  const hub = await startSwitch(lab.host('hub'), gateway(load, hubKeys, members), load.hubCores);
  const to = { address: `${HUB.outer}:51820`, publicKey: hubKeys.publicKey };
  const phases = await startDevices(lab.host('left'), to, {
    ...load,
    seconds: pace.hubSeconds,
    cores: load.loadCores,
  });
  const first = await cpuDuring([hub], () => phases.introduced);
  const { result, cpuSeconds } = await cpuDuring([hub], () => phases.carried);
  if (result.delivered === 0) throw new Error('the switch has let nothing through');
  return {
    perSecond: result.delivered / result.seconds,
    perCpuSecond: result.delivered / cpuSeconds,
    newFlowMicros: (first.cpuSeconds / (load.devices * load.flows)) * 1e6,
  };
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
