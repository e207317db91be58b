/** What each engine of a path does while it is under load: four TCP streams, UDP, a flood, or a flood beside four TCP streams. */
import type { Service } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import type { Contender } from './contender.ts';
import { type BadHandshake, startFlood } from './load.ts';
import { pause, tcp, udp } from './measure.ts';
import { layPath, type Path, type Shape, untilAnswers } from './paths.ts';
import { refuseWithoutPerf, sharesOf } from './profile-cpu.ts';
import { RIGHT } from './topology.ts';

const SECONDS = 3;
/** Behind the name of a flood. */
export const BESIDE_TCP = '-beside-tcp';

export async function profilePath(
  lab: Lab,
  what: string,
  shape: Shape,
  contender: Contender,
): Promise<void> {
  await refuseWithoutPerf();
  const way = await layPath(lab, shape, contender);
  await untilAnswers(lab.host('left'), way.address);
  for (const [name, service] of engines(what, way)) {
    const load = startLoad(lab, what, way);
    await pause(1);
    const shares = await sharesOf(service, SECONDS);
    await load;
    console.log(`${what}, ${name}`);
    for (const { group, percent, largest } of shares)
      console.log(
        `  ${percent.toFixed(0).padStart(3)} %  ${group} (${largest.percent.toFixed(0)} % ${largest.symbol})`,
      );
  }
}

function engines(what: string, way: Path): [string, Service][] {
  const ends = way.ends.map((end): [string, Service] => [end.name, end]);
  if (what.startsWith('flood')) return ends.slice(1);
  return [...ends, ...way.hub.map((hub): [string, Service] => [hub.name, hub])];
}

async function startLoad(lab: Lab, what: string, way: Path): Promise<void> {
  const seconds = SECONDS + 2;
  const left = lab.host('left');
  const streams = () =>
    tcp(left, way.far, way.address, { streams: 4, seconds, direction: 'forth' });
  if (what === 'UDP') await udp(left, way.far, way.address, { mbit: 500, seconds });
  else if (!what.startsWith('flood')) await streams();
  else {
    const isBesideTcp = what.endsWith(BESIDE_TCP);
    await Promise.all([flood(lab, what, way, seconds), isBesideTcp && streams()]);
  }
}

async function flood(lab: Lab, what: string, way: Path, seconds: number): Promise<void> {
  const kind = what.slice('flood-'.length).replace(BESIDE_TCP, '') as BadHandshake;
  const to = { address: `${RIGHT.outer}:51820`, publicKey: way.farKey };
  await startFlood(lab.host('hub'), to, { kind, perSecond: 50_000, seconds }).ended;
}
