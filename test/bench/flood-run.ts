/** What 50,000 bad handshakes a second cost: the engine, and the tunnel that it carries. */
import type { Lab } from '../lab/lab.ts';
import { type Contender, culvertWithoutRoot } from './contender.ts';
import type { Column, Experiment, Figures, Pace } from './figures.ts';
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

/** Noise no engine can tell without receiving it: what it costs is the least that any flood does. */
const kinds = [
  { kind: 'noise', title: 'no message', loss: 'lossNoisePercent', cpu: 'cpuNoisePercent' },
  { kind: 'mac1', title: 'wrong mac1', loss: 'lossMac1Percent', cpu: 'cpuMac1Percent' },
  {
    kind: 'stranger',
    title: 'of strangers',
    loss: 'lossStrangerPercent',
    cpu: 'cpuStrangerPercent',
  },
] as const;

const column = (key: string, title: string): Column => ({ key, title, digits: 1, better: 'less' });

export const floodExperiment: Experiment = {
  id: 'flood',
  title: 'flood  50,000 bad handshakes a second at one end of a tunnel',
  columns: [
    ...kinds.map(({ title, loss }) => column(loss, `${title}: TCP lost %`)),
    ...kinds.map(({ title, cpu }) => column(cpu, `${title}: CPU %`)),
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
  const shares: Figures[] = [];
  for (let turn = 0; turn < pace.flood.turns; turn++) shares.push(await sharesKept(flood, turn));
  const figures: Figures = {};
  for (const { kind, loss, cpu } of kinds) {
    figures[loss] = (1 - median(shares.map((share) => share[kind] ?? Number.NaN))) * 100;
    if (path.ends.length > 0) figures[cpu] = await engineCpu(flood, kind);
  }
  return figures;
}

interface Flood {
  lab: Lab;
  path: Path;
  seconds: number;
}

/** What TCP carries of what it does while the flood is the sink's, by kinds; each turn the other way round. */
async function sharesKept(flood: Flood, turn: number): Promise<Figures> {
  const carriedUnder: Record<string, number> = {};
  const all = ['sink', ...kinds.map(({ kind }) => kind)] as const;
  for (const one of turn % 2 === 0 ? all : all.toReversed()) {
    const [kind, port] =
      one === 'sink' ? (['noise', SINK_PORT] as const) : ([one, ENGINE_PORT] as const);
    carriedUnder[one] = await underFlood(flood, kind, port, () => carried(flood));
  }
  const beside = carriedUnder.sink ?? Number.NaN;
  return Object.fromEntries(
    kinds.map(({ kind }) => [kind, (carriedUnder[kind] ?? Number.NaN) / beside]),
  );
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
