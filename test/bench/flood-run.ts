/** What 50,000 bad handshakes a second cost: the engine, and the tunnel that it carries. */
import type { Lab } from '../lab/lab.ts';
import { type Contender, culvertWithoutRoot } from './contender.ts';
import type { Experiment, Figures, Pace } from './figures.ts';
import { type BadHandshake, startFlood, startSink } from './load.ts';
import { tcp } from './measure.ts';
import { layPath, type Path, untilAnswers } from './paths.ts';
import { median } from './statistics.ts';
import { inLab, RIGHT } from './topology.ts';
import { cpuDuring } from './usage.ts';

const PER_SECOND = 50_000;
const ENGINE_PORT = 51820;
/** The same flood to a port that nobody reads is what the machine pays for the flood itself. */
const SINK_PORT = 51821;

export const floodExperiment: Experiment = {
  id: 'flood',
  title: 'flood  50,000 bad handshakes a second at one end of a tunnel',
  columns: [
    { key: 'lossMac1Percent', title: 'wrong mac1: TCP lost %', digits: 1, better: 'less' },
    { key: 'lossStrangerPercent', title: 'of strangers: TCP lost %', digits: 1, better: 'less' },
    { key: 'cpuMac1Percent', title: 'wrong mac1: CPU %', digits: 1, better: 'less' },
    { key: 'cpuStrangerPercent', title: 'of strangers: CPU %', digits: 1, better: 'less' },
  ],
  quickPeers: [],
  takesPart: (contender) => contender !== culvertWithoutRoot,
  run: (contender, pace) => inLab((lab) => run(lab, contender, pace)),
};

async function run(lab: Lab, contender: Contender, pace: Pace): Promise<Figures> {
  const path = await layPath(lab, 'T1', contender);
  await untilAnswers(lab.host('left'), path.address);
  await startSink(lab.host('right'), SINK_PORT);
  const flood = { lab, path, seconds: pace.flood.seconds };
  const [mac1, stranger] = [
    await lossOf(flood, 'mac1', pace.flood.turns),
    await lossOf(flood, 'stranger', pace.flood.turns),
  ];
  return {
    lossMac1Percent: mac1,
    lossStrangerPercent: stranger,
    ...(path.ends.length > 0
      ? {
          cpuMac1Percent: await engineCpu(flood, 'mac1'),
          cpuStrangerPercent: await engineCpu(flood, 'stranger'),
        }
      : {}),
  };
}

interface Flood {
  lab: Lab;
  path: Path;
  seconds: number;
}

/** How much less TCP carries when the flood is the engine's than when it is the sink's, in turns. */
async function lossOf(flood: Flood, kind: BadHandshake, turns: number): Promise<number> {
  const ratios: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    const beside = await underFlood(flood, kind, SINK_PORT, () => carried(flood));
    const upon = await underFlood(flood, kind, ENGINE_PORT, () => carried(flood));
    ratios.push(upon / beside);
  }
  return (1 - median(ratios)) * 100;
}

/** Of one core, by the flooded engine, whose tunnel is otherwise idle. */
async function engineCpu(flood: Flood, kind: BadHandshake): Promise<number> {
  const flooded = flood.path.ends.slice(-1);
  return await underFlood(flood, kind, ENGINE_PORT, async (running) => {
    const { cpuSeconds, result } = await cpuDuring(flooded, () => running);
    return (cpuSeconds / result) * 100;
  });
}

/** `work` is handed when the flood is over, in seconds that it took. */
async function underFlood<T>(
  { lab, path, seconds }: Flood,
  kind: BadHandshake,
  port: number,
  work: (running: Promise<number>) => Promise<T>,
): Promise<T> {
  const to = { address: `${RIGHT.outer}:${port}`, publicKey: path.farKey };
  const started = performance.now();
  const service = startFlood(lab.host('hub'), to, {
    kind,
    perSecond: PER_SECOND,
    seconds: seconds + FLOOD_OUTLASTS_SECONDS,
  });
  const running = service
    .waitFor(/\{"sent":(\d+)/, (seconds + 20) * 1000)
    .then(() => (performance.now() - started) / 1000);
  const [result] = await Promise.all([work(running), running]);
  return result;
}

/** TCP begins a moment later than the flood and must end before it. */
const FLOOD_OUTLASTS_SECONDS = 1;

async function carried({ lab, path, seconds }: Flood): Promise<number> {
  const { gbitPerSecond } = await tcp(lab.host('left'), path.far, path.address, {
    streams: 1,
    seconds,
    direction: 'forth',
  });
  return gbitPerSecond;
}
