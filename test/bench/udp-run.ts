/** The highest rate of UDP packets that comes through without loss, point to point, and what each costs. */
import type { Lab } from '../lab/lab.ts';
import { type Contender, culvertWithoutRoot } from './contender.ts';
import type { Experiment, Figures, Pace } from './figures.ts';
import { highestRate } from './highest-rate.ts';
import { udp } from './measure.ts';
import { layPath, untilAnswers } from './paths.ts';
import { inLab } from './topology.ts';
import { cpuDuring } from './usage.ts';

export const udpExperiment: Experiment = {
  id: 'UDP',
  title: 'UDP  1300 bytes, T1, the highest rate with at most 0.1 % lost',
  columns: [
    { key: 'mbit', title: 'Mbit/s', digits: 0, better: 'more' },
    { key: 'microsPerPacket', title: 'engine CPU µs a packet and end', digits: 2, better: 'less' },
  ],
  quickPeers: ['gotatun'],
  takesPart: (contender) => contender !== culvertWithoutRoot,
  run: (contender, pace) => inLab((lab) => run(lab, contender, pace)),
};

async function run(lab: Lab, contender: Contender, pace: Pace): Promise<Figures> {
  const path = await layPath(lab, 'T1', contender);
  const left = lab.host('left');
  await untilAnswers(left, path.address);
  const { seconds, from, steps } = pace.udp;
  const highest = await highestRate(
    async (mbit) => {
      const { result, cpuSeconds } = await cpuDuring(path.ends, () =>
        udp(left, path.far, path.address, { mbit, seconds }),
      );
      return { ...result, cpuSeconds };
    },
    { from, steps },
  );
  const { mbit, sample } = highest;
  if (!sample || path.ends.length === 0) return { mbit };
  const microsPerPacket = (sample.cpuSeconds / path.ends.length / sample.packets) * 1e6;
  return { mbit, microsPerPacket };
}
