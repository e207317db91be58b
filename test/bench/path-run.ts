/** TCP both ways, round trips, CPU and memory over one path. */
import type { Lab } from '../lab/lab.ts';
import type { Contender } from './contender.ts';
import type { Column, Experiment, Figures, Pace } from './figures.ts';
import { pause, roundTrips, type Throughput, tcp } from './measure.ts';
import { layPath, type Path, type Shape, untilAnswers } from './paths.ts';
import { median, quantile } from './statistics.ts';
import { inLab } from './topology.ts';
import { cpuDuring, usage } from './usage.ts';

const more = (key: string, title: string): Column => ({ key, title, digits: 2, better: 'more' });
const less = (key: string, title: string, digits = 2): Column => ({
  key,
  title,
  digits,
  better: 'less',
});

export const pathColumns: Column[] = [
  more('oneForth', '1 stream → Gbit/s'),
  more('oneBack', '1 ←'),
  more('fourForth', '4 streams →'),
  more('fourBack', '4 ←'),
  less('cpuPerGbEnd', 'CPU-s/GB end'),
  less('cpuPerGbHub', 'hub'),
  less('rttIdleMs', 'RTT idle ms'),
  less('rttLoadedMs', 'loaded p50'),
  less('rttLoadedP99Ms', 'p99', 1),
  less('rssMb', 'RSS MB', 0),
];

export function pathExperiment(
  shape: Shape,
  title: string,
  quickPeers: string[],
  takesPart: (contender: Contender) => boolean,
): Experiment {
  const columns = pathColumns.filter(
    (column) => column.key !== 'cpuPerGbHub' || shape === 'T2' || shape === 'T3',
  );
  const run = (contender: Contender, pace: Pace) =>
    inLab(async (lab) => await takeFigures(lab, await layPath(lab, shape, contender), pace));
  return { id: shape, title, columns, quickPeers, takesPart, run };
}

async function takeFigures(lab: Lab, path: Path, pace: Pace): Promise<Figures> {
  const left = lab.host('left');
  const stream = (streams: number, direction: 'forth' | 'back') =>
    tcp(left, path.far, path.address, { streams, seconds: pace.tcpSeconds, direction });
  await untilAnswers(left, path.address);
  const idle = await roundTrips(left, path.address, pace.pings);

  const one = stream(1, 'forth');
  const [oneForth, loaded] = await Promise.all([one, roundTripsUnderway(lab, path, pace)]);
  const oneBack = await stream(1, 'back');
  const { result, cpuSeconds: onHub } = await cpuDuring(path.hub, () =>
    cpuDuring(path.ends, () => stream(4, 'forth')),
  );
  const fourBack = await stream(4, 'back');
  return {
    oneForth: oneForth.gbitPerSecond,
    oneBack: oneBack.gbitPerSecond,
    fourForth: result.result.gbitPerSecond,
    fourBack: fourBack.gbitPerSecond,
    ...costs(path, result.result, { ends: result.cpuSeconds, hub: onHub }),
    rttIdleMs: median(idle),
    rttLoadedMs: median(loaded),
    rttLoadedP99Ms: quantile(loaded, 0.99),
    ...(await memory(path)),
  };
}

/** While the one stream flows: a hundred small packets a second take nothing from it that could be measured. */
async function roundTripsUnderway(lab: Lab, path: Path, pace: Pace): Promise<number[]> {
  await pause(STREAM_IS_UNDER_WAY_SECONDS);
  const count = Math.floor((pace.tcpSeconds - STREAM_IS_UNDER_WAY_SECONDS - 0.1) / 0.01);
  return await roundTrips(lab.host('left'), path.address, count);
}

const STREAM_IS_UNDER_WAY_SECONDS = 0.4;

/** In the kernel it is nobody's time: no figure. */
function costs(
  path: Path,
  carried: Throughput,
  cpuSeconds: { ends: number; hub: number },
): Figures {
  const gb = carried.bytes / 1e9;
  return {
    ...(path.ends.length > 0 ? { cpuPerGbEnd: cpuSeconds.ends / path.ends.length / gb } : {}),
    ...(path.hub.length > 0 ? { cpuPerGbHub: cpuSeconds.hub / gb } : {}),
  };
}

async function memory(path: Path): Promise<Figures> {
  const services = [...path.ends, ...path.hub];
  if (services.length === 0) return {};
  const each = await Promise.all(services.map((service) => usage([service])));
  return { rssMb: Math.max(...each.map((one) => one.rssMb)) };
}
