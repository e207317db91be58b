/**
 * Where our time goes, by `perf`, while four TCP streams flow: each engine of a path in turn.
 *
 *   sudo node test/bench/profile.ts T1|T1-cut|T1-gro|T2|T3|UDP|flood-mac1|flood-stranger
 *
 * Needs `perf` (Debian: linux-perf) and the engine as `npm run bench` builds it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { finish, type Service, succeed } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import { childrenOf } from '../lab/process-tree.ts';
import { culvert } from './contender.ts';
import { startFlood } from './load.ts';
import { pause, tcp, udp } from './measure.ts';
import { layPath, type Path, type Shape, untilAnswers } from './paths.ts';
import { readSamples, shares } from './samples.ts';
import { inLab, RIGHT } from './topology.ts';

const SECONDS = 3;
const shapes: Record<string, Shape> = {
  T1: 'T1',
  'T1-cut': 'T1-cut',
  'T1-gro': 'T1-gro',
  T2: 'T2',
  T3: 'T3',
  UDP: 'T1',
  'flood-mac1': 'T1',
  'flood-stranger': 'T1',
};

const [what = ''] = process.argv.slice(2);
const shape = shapes[what];
if (shape === undefined) {
  console.error(
    `There is no profile ${JSON.stringify(what)}. There are: ${Object.keys(shapes).join(', ')}.`,
  );
  process.exit(2);
}
if ((await finish(['perf', '--version']).catch(() => undefined))?.code !== 0) {
  console.error('perf does not run here. On Debian: apt-get install linux-perf');
  process.exit(1);
}
await inLab(async (lab) => await profile(lab, shape));

async function profile(lab: Lab, ofShape: Shape): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'culvert-profile-'));
  try {
    const way = await layPath(lab, ofShape, culvert);
    await untilAnswers(lab.host('left'), way.address);
    for (const [name, service] of engines(way)) {
      const load = startLoad(lab, way);
      await pause(1);
      const data = path.join(folder, 'perf.data');
      await record(service, data);
      await load;
      console.log(`${what}, ${name}`);
      for (const { group, percent } of shares(readSamples(await report(data))))
        console.log(`  ${percent.toFixed(0).padStart(3)} %  ${group}`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

function engines(way: Path): [string, Service][] {
  const ends = way.ends.map((end): [string, Service] => [end.name, end]);
  if (what.startsWith('flood')) return ends.slice(1);
  return [...ends, ...way.hub.map((hub): [string, Service] => [hub.name, hub])];
}

async function startLoad(lab: Lab, way: Path): Promise<void> {
  const seconds = SECONDS + 2;
  const left = lab.host('left');
  if (what === 'UDP') await udp(left, way.far, way.address, { mbit: 500, seconds });
  else if (what.startsWith('flood')) {
    const kind = what === 'flood-mac1' ? 'mac1' : 'stranger';
    const to = { address: `${RIGHT.outer}:51820`, publicKey: way.farKey };
    await startFlood(lab.host('hub'), to, { kind, perSecond: 50_000, seconds }).ended;
  } else await tcp(left, way.far, way.address, { streams: 4, seconds, direction: 'forth' });
}

/** The engine is the child of what entered its host. */
async function record(service: Service, data: string): Promise<void> {
  const [engine = service.pid] = await childrenOf(service.pid);
  const target = ['--pid', String(engine)];
  const sampling = ['--freq', '1999', '--output', data, ...target, '--', 'sleep', String(SECONDS)];
  await succeed(['perf', 'record', '--quiet', ...sampling]);
}

async function report(data: string): Promise<string> {
  const shown = ['--no-children', '--stdio', '--sort', 'sym'];
  return await succeed(['perf', 'report', '--input', data, ...shown]);
}
