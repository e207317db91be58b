/** What waits where while one TCP stream flows: bytes in each engine's socket, and its threads for a processor. */
import { readFile } from 'node:fs/promises';
import type { Service } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import { activityDuring } from './activity.ts';
import type { Contender } from './contender.ts';
import { pause, roundTrips, tcp } from './measure.ts';
import { layPath, type Shape, untilAnswers } from './paths.ts';
import { engineIn } from './profile-cpu.ts';
import { enginesOf } from './profile-round-trips.ts';
import { median, quantile, sum } from './statistics.ts';

const SECONDS = 4;
const UNDER_WAY_SECONDS = 0.5;
const PORT = 51_820;
/** Not a multiple of the time between pings. */
const LOOK_EVERY_SECONDS = 0.0037;

export async function profileQueues(lab: Lab, shape: Shape, contender: Contender): Promise<void> {
  const left = lab.host('left');
  const way = await layPath(lab, shape, contender);
  await untilAnswers(left, way.address);
  const all = enginesOf(way);
  const services = all.map(([, service]) => service);
  const stream = tcp(left, way.far, way.address, {
    streams: 1,
    seconds: SECONDS,
    direction: 'forth',
  });
  await pause(UNDER_WAY_SECONDS);
  const seconds = SECONDS - 2 * UNDER_WAY_SECONDS;
  const pings = Math.floor(seconds / 0.01);
  const [{ result: trips, activities }, queues] = await Promise.all([
    activityDuring(services, () => roundTrips(left, way.address, pings)),
    Promise.all(services.map((service) => watchSocket(service, seconds))),
  ]);
  const { gbitPerSecond } = await stream;
  console.log(
    `${contender.name}, one stream of ${gbitPerSecond.toFixed(2)} Gbit/s: round trip p50 ${median(trips).toFixed(2)} ms, p99 ${quantile(trips, 0.99).toFixed(2)} ms`,
  );
  for (const [nth, [name]] of all.entries()) {
    const waiting = queues[nth] ?? [];
    const { wakeUps = 0, cpuSeconds = 0, waitedSeconds = 0 } = activities[nth] ?? {};
    const kilobytes = sum(waiting) / waiting.length / 1000;
    const most = quantile(waiting, 0.99) / 1000;
    const share = (part: number) => ((part / seconds) * 100).toFixed(0);
    console.log(
      `  ${name}: in its socket ${kilobytes.toFixed(0)} KB on the mean, ${most.toFixed(0)} KB at p99; ${(wakeUps / seconds).toFixed(0)} wake-ups a second; at work ${share(cpuSeconds)} % of the time, waiting for a processor ${share(waitedSeconds)} %`,
    );
  }
}

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
