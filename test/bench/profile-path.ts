/** What each engine of a path does while it is under load: four TCP streams, UDP, a flood, or a flood beside four TCP streams. */
import type { Service } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import type { Contender } from './contender.ts';
import { type BadHandshake, startFlood } from './load.ts';
import { pause, tcp, udp } from './measure.ts';
import { enginesOf, layPath, type Path, type Shape, untilAnswers } from './paths.ts';
import { sharesOf } from './profile-cpu.ts';
import { type Profile, rowsOfShares } from './profile-table.ts';
import type { Share } from './samples.ts';
import { RIGHT } from './topology.ts';

const SECONDS = 3;
/** Behind the name of a flood. */
export const BESIDE_TCP = '-beside-tcp';

const UDP_MBIT = 500;
const BAD_PER_SECOND = 50_000;

export async function profilePath(
  lab: Lab,
  what: string,
  shape: Shape,
  contender: Contender,
): Promise<Profile> {
  const way = await layPath(lab, shape, contender);
  await untilAnswers(lab.host('left'), way.address);
  const looks: [name: string, shares: Share[]][] = [];
  for (const [name, service] of engines(what, way)) {
    const [, shares] = await Promise.all([
      startLoad(lab, what, way),
      pause(1).then(() => sharesOf(service, SECONDS)),
    ]);
    looks.push([name, shares]);
  }
  return {
    about: aboutOf(what),
    facts: [],
    columns: looks.map(([title]) => ({ title, unit: '%', digits: 0 })),
    rows: rowsOfShares(looks.map(([, shares]) => shares)),
  };
}

function engines(what: string, way: Path): [string, Service][] {
  const all = enginesOf(way);
  return what.startsWith('flood') ? all.filter(([name]) => name === 'far end') : all;
}

function aboutOf(what: string): string {
  const ofTime = 'in % of each engine’s own time';
  if (what === 'UDP') return `${UDP_MBIT} Mbit/s of UDP from the near end, ${ofTime}`;
  if (!what.startsWith('flood')) return `Four TCP streams from the near end, ${ofTime}`;
  const words: Record<BadHandshake, string> = {
    noise: 'messages that are none',
    mac1: 'handshakes with a wrong mac1',
    stranger: 'handshakes of strangers',
  };
  const rate = BAD_PER_SECOND.toLocaleString('en');
  const beside = what.endsWith(BESIDE_TCP) ? ' beside four TCP streams' : '';
  return `${rate} ${words[kindOf(what)]} a second at the far end${beside}, in % of its own time`;
}

async function startLoad(lab: Lab, what: string, way: Path): Promise<void> {
  const seconds = SECONDS + 2;
  const left = lab.host('left');
  const streams = () =>
    tcp(left, way.far, way.address, { streams: 4, seconds, direction: 'forth' });
  if (what === 'UDP') await udp(left, way.far, way.address, { mbit: UDP_MBIT, seconds });
  else if (!what.startsWith('flood')) await streams();
  else {
    const isBesideTcp = what.endsWith(BESIDE_TCP);
    await Promise.all([flood(lab, what, way, seconds), isBesideTcp && streams()]);
  }
}

async function flood(lab: Lab, what: string, way: Path, seconds: number): Promise<void> {
  const to = { address: `${RIGHT.outer}:51820`, publicKey: way.farKey };
  const wanted = { kind: kindOf(what), perSecond: BAD_PER_SECOND, seconds };
  await startFlood(lab.host('hub'), to, wanted).ended;
}

/** Of names such as `flood-mac1-beside-tcp`. */
function kindOf(what: string): BadHandshake {
  return what.slice('flood-'.length).replace(BESIDE_TCP, '') as BadHandshake;
}
