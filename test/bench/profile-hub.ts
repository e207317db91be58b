/** What the switch does with a packet under each of some loads: as `hub-peers`, `hub-ranges` and `hub-cores` measure it. */
import { availableParallelism } from 'node:os';
import { alone, type Load, startHubLoad } from './hub-load.ts';
import { CORES_FOR_SCALING } from './hub-runs.ts';
import { pause } from './measure.ts';
import { sharesOf } from './profile-cpu.ts';
import { type Profile, rowsOfShares } from './profile-table.ts';
import type { Share } from './samples.ts';
import { inLab } from './topology.ts';
import { cpuDuring } from './usage.ts';

const SECONDS = 3;

type Loads = [title: string, load: Load][];

const crowds: Loads = [
  ['1 device', alone],
  ['100 devices', { ...alone, devices: 100 }],
  ['10,000 devices', { ...alone, devices: 10_000 }],
];
const manyFlows: Load = { ...alone, flows: 1_000 };
const lists: Loads = [
  ['10 ranges', { ...manyFlows, ranges: 10 }],
  ['1,000 ranges', { ...manyFlows, ranges: 1_000 }],
  ['100,000 ranges', { ...manyFlows, ranges: 100_000 }],
];

export const profileHubPeers = () => profileHub(crowds);
export const profileHubRanges = () => profileHub(lists);

export async function profileHubCores(): Promise<Profile> {
  const cores = availableParallelism();
  if (cores < CORES_FOR_SCALING)
    throw new Error(`it takes ${CORES_FOR_SCALING} cores, this machine has ${cores}`);
  const load = { ...alone, devices: 100, loadCores: `2-${cores - 1}` };
  return await profileHub([
    ['1 core', { ...load, hubCores: '0' }],
    ['2 cores', { ...load, hubCores: '0-1' }],
  ]);
}

async function profileHub(loads: Loads): Promise<Profile> {
  const looks: Look[] = [];
  for (const [, load] of loads) looks.push(await look(load));
  const rows = rowsOfShares(
    looks.map(({ shares }) => shares),
    looks.map(({ nanoseconds }) => nanoseconds / 100),
  );
  const together = { what: 'together', values: looks.map(({ nanoseconds }) => nanoseconds) };
  return {
    about: 'The switch’s processor time a packet of 1300 bytes',
    facts: looks.map(({ thousands }, nth) => ({
      what: `${loads[nth]?.[0]}:`,
      value: thousands,
      unit: 'thousand a second',
      digits: 0,
    })),
    columns: loads.map(([title]) => ({ title, unit: 'ns', digits: 0 })),
    rows: [...rows, together],
  };
}

interface Look {
  shares: Share[];
  /** Processor time of a packet. */
  nanoseconds: number;
  /** Of packets a second. */
  thousands: number;
}

function look(load: Load): Promise<Look> {
  return inLab(async (lab) => {
    const { hub, introduced, carried } = await startHubLoad(lab, load, SECONDS + 1);
    await introduced;
    const [{ result, cpuSeconds }, shares] = await Promise.all([
      cpuDuring([hub], () => carried),
      pause(0.5).then(() => sharesOf(hub, SECONDS)),
    ]);
    return {
      shares,
      nanoseconds: (cpuSeconds / result.delivered) * 1e9,
      thousands: result.delivered / result.seconds / 1000,
    };
  });
}
