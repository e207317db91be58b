/** How our switch grows: with cores, with active peers, with ranges and rules. The others have no such switch. */
import { availableParallelism } from 'node:os';
import type { Lab } from '../lab/lab.ts';
import { type Contender, culvert } from './contender.ts';
import type { Column, Experiment, Pace } from './figures.ts';
import { alone, type Load, startHubLoad } from './hub-load.ts';
import { inLab } from './topology.ts';
import { cpuDuring } from './usage.ts';

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
  const { hub, introduced, carried } = await startHubLoad(lab, load, pace.hubSeconds);
  const first = await cpuDuring([hub], () => introduced);
  const { result, cpuSeconds } = await cpuDuring([hub], () => carried);
  if (result.delivered === 0) throw new Error('the switch has let nothing through');
  return {
    perSecond: result.delivered / result.seconds,
    perCpuSecond: result.delivered / cpuSeconds,
    newFlowMicros: (first.cpuSeconds / (load.devices * load.flows)) * 1e6,
  };
}
