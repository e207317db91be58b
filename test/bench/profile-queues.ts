/** What waits where while one TCP stream flows: bytes in each engine's socket, and its threads for a processor. */
import { readFile } from 'node:fs/promises';
import type { Service } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import { activityDuring, none } from './activity.ts';
import type { Contender } from './contender.ts';
import { pause, roundTrips, tcp } from './measure.ts';
import { enginesOf, layPath, type Shape, untilAnswers } from './paths.ts';
import { engineIn } from './profile-cpu.ts';
import type { Profile } from './profile-table.ts';
import { median, quantile, sum } from './statistics.ts';

const SECONDS = 4;
const UNDER_WAY_SECONDS = 0.5;
const PORT = 51_820;
/** Not a multiple of the time between pings. */
const LOOK_EVERY_SECONDS = 0.0037;

export async function profileQueues(
  lab: Lab,
  shape: Shape,
  contender: Contender,
): Promise<Profile> {
  const left = lab.host('left');
  const way = await layPath(lab, shape, contender);
  await untilAnswers(left, way.address);
  const all = enginesOf(way);
  const services = all.map(([, service]) => service);
  const seconds = SECONDS - 2 * UNDER_WAY_SECONDS;
  const pings = Math.floor(seconds / 0.01);
  const streams = { streams: 1, seconds: SECONDS, direction: 'forth' } as const;
  const [{ gbitPerSecond }, [{ result: trips, activities }, queues]] = await Promise.all([
    tcp(left, way.far, way.address, streams),
    pause(UNDER_WAY_SECONDS).then(() =>
      Promise.all([
        activityDuring(services, () => roundTrips(left, way.address, pings)),
        Promise.all(services.map((service) => watchSocket(service, seconds))),
      ]),
    ),
  ]);
  return {
    about: `One TCP stream from the near end through ${contender.name}, and what waits where`,
    facts: [
      { what: 'the stream carries', value: gbitPerSecond, unit: 'Gbit/s', digits: 2 },
      { what: 'round trip at p50', value: median(trips), unit: 'ms', digits: 2 },
      { what: 'at p99', value: quantile(trips, 0.99), unit: 'ms', digits: 2 },
    ],
    columns,
    rows: all.map(([what], nth) => {
      const waiting = queues[nth] ?? [];
      const { wakeUps, cpuSeconds, waitedSeconds } = activities[nth] ?? none;
      const bytes = [sum(waiting) / waiting.length, quantile(waiting, 0.99)];
      const shares = [cpuSeconds, waitedSeconds].map((part) => (part / seconds) * 100);
      return {
        what,
        values: [...bytes.map((count) => count / 1000), ...shares, wakeUps / seconds],
      };
    }),
  };
}

const columns = [
  { title: 'in its socket, mean', unit: 'KB', digits: 0 },
  { title: 'at p99', unit: 'KB', digits: 0 },
  { title: 'at work', unit: '%', digits: 0 },
  { title: 'waits for a processor', unit: '%', digits: 0 },
  { title: 'wake-ups a second', unit: '', digits: 0 },
];

/** Bytes as the kernel counts them (memory, not payload) in the sockets on its port, sorted. */
async function watchSocket(service: Service, seconds: number): Promise<number[]> {
  const file = `/proc/${await engineIn(service)}/net/udp`;
  const looks: number[] = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    looks.push(waitingBytes(await readFile(file, 'utf8'), PORT));
    await pause(LOOK_EVERY_SECONDS);
  }
  return looks.sort((a, b) => a - b);
}

/** Of lines such as ` 12: 00000000:CA6C 00000000:0000 07 00000000:0001A900 …`: address and port, and behind the colon what is to be read. */
export function waitingBytes(table: string, port: number): number {
  const lines = table.matchAll(/^\s*\d+: \w+:(\w{4}) \w+:\w{4} \w\w \w{8}:(\w{8}) /gm);
  const ours = [...lines].filter(([, local = '']) => Number.parseInt(local, 16) === port);
  return sum(ours.map(([, , bytes = '0']) => Number.parseInt(bytes, 16)));
}
