/** What a round trip consists of on each engine of a path while nothing else is going on. */
import type { Lab } from '../lab/lab.ts';
import { type Activity, activityDuring, none } from './activity.ts';
import type { Contender } from './contender.ts';
import { roundTrips } from './measure.ts';
import { enginesOf, layPath, type Shape, untilAnswers } from './paths.ts';
import type { Profile } from './profile-table.ts';
import { median, sum } from './statistics.ts';
import { systemCallsDuring } from './system-calls.ts';
import { RIGHT } from './topology.ts';

const PINGS = 500;
/** A system call that is rarer is not the round trip's. */
const LEAST_CALLS = 0.1;

export async function profileRoundTrips(
  lab: Lab,
  shape: Shape,
  contender: Contender,
): Promise<Profile> {
  const left = lab.host('left');
  const way = await layPath(lab, shape, contender);
  await untilAnswers(left, way.address);
  const bare = median(await roundTrips(left, RIGHT.outer, PINGS));
  const ping = () => roundTrips(left, way.address, PINGS);
  const all = enginesOf(way);
  const services = all.map(([, service]) => service);
  const { result, activities } = await activityDuring(services, ping);
  const calls: Calls[] = [];
  for (const service of services)
    calls.push(Object.fromEntries(await systemCallsDuring(service, ping)));
  const names = namesOf(calls);
  return {
    about: `A round trip through ${contender.name} while nothing else is going on, and what it takes of each engine, system calls last`,
    facts: [
      micros('without a tunnel at p50', bare * 1000),
      micros('through it', median(result) * 1000),
      micros('of which engines (mean)', sum(activities.flatMap(microsOf))),
    ],
    columns: [
      { title: 'wake-ups', unit: '', digits: 2 },
      { title: 'at work', unit: 'µs', digits: 1 },
      { title: 'waits for a processor', unit: 'µs', digits: 1 },
      ...names.map((title) => ({ title, unit: '', digits: 2 })),
    ],
    rows: all.map(([what], nth) => {
      const activity = activities[nth] ?? none;
      const made = names.map((name) => (calls[nth]?.[name] ?? 0) / PINGS);
      return { what, values: [activity.wakeUps / PINGS, ...microsOf(activity), ...made] };
    }),
  };
}

/** How often each was called. */
type Calls = Record<string, number>;

/** The most frequent first. */
function namesOf(calls: readonly Calls[]): string[] {
  const most = (name: string) => Math.max(...calls.map((each) => each[name] ?? 0));
  return [...new Set(calls.flatMap((each) => Object.keys(each)))]
    .filter((name) => most(name) / PINGS >= LEAST_CALLS)
    .sort((one, other) => most(other) - most(one));
}

/** At work, and waiting for a processor, in µs a round trip. */
function microsOf({ cpuSeconds, waitedSeconds }: Activity): [number, number] {
  return [(cpuSeconds / PINGS) * 1e6, (waitedSeconds / PINGS) * 1e6];
}

function micros(what: string, value: number) {
  return { what, value, unit: 'µs', digits: 0 };
}
