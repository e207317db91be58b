/** What a round trip consists of on each engine of a path while nothing else is going on. */
import type { Service } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import { activityDuring } from './activity.ts';
import type { Contender } from './contender.ts';
import { roundTrips } from './measure.ts';
import { layPath, type Path, type Shape, untilAnswers } from './paths.ts';
import { refuseWithout } from './profile-cpu.ts';
import { median } from './statistics.ts';
import { systemCallsDuring } from './system-calls.ts';
import { RIGHT } from './topology.ts';

const PINGS = 500;

export async function profileRoundTrips(
  lab: Lab,
  shape: Shape,
  contender: Contender,
): Promise<void> {
  await refuseWithout('strace', 'strace');
  const left = lab.host('left');
  const way = await layPath(lab, shape, contender);
  await untilAnswers(left, way.address);
  const bare = median(await roundTrips(left, RIGHT.outer, PINGS));
  console.log(`without a tunnel ${(bare * 1000).toFixed(0)} µs at p50`);
  const ping = () => roundTrips(left, way.address, PINGS);
  let sum = 0;
  const lines: string[] = [];
  const all = enginesOf(way);
  const { result, activities } = await activityDuring(
    all.map(([, service]) => service),
    ping,
  );
  for (const [nth, activity] of activities.entries()) {
    const micros = (seconds: number) => (seconds / PINGS) * 1e6;
    const { cpuSeconds, waitedSeconds, wakeUps } = activity;
    sum += micros(cpuSeconds) + micros(waitedSeconds);
    lines.push(
      `  ${all[nth]?.[0]}: ${(wakeUps / PINGS).toFixed(2)} wake-ups, ${micros(cpuSeconds).toFixed(1)} µs at work, ${micros(waitedSeconds).toFixed(1)} µs waiting for a processor`,
    );
  }
  const through = median(result) * 1000;
  console.log(
    `${contender.name}, through the tunnel ${through.toFixed(0)} µs at p50, of which engines ${sum.toFixed(0)} µs (mean)`,
  );
  console.log(lines.join('\n'));
  for (const [name, service] of all) {
    const calls = await systemCallsDuring(service, ping);
    const each = calls.map(([call, count]) => `${call} ${(count / PINGS).toFixed(2)}`);
    console.log(`  ${name}, system calls a round trip: ${each.join(', ')}`);
  }
}

export function enginesOf(way: Path): [string, Service][] {
  const [left, ...others] = way.ends;
  const named = (name: string, services: Service[]) =>
    services.map((service): [string, Service] => [name, service]);
  return [
    ...named('near end', left === undefined ? [] : [left]),
    ...named('hub', way.hub),
    ...named('far end', others),
  ];
}
