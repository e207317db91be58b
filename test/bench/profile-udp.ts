/**
 * The search for the highest UDP rate, rate by rate: how often the engines wake up and wake others, how long they wait, and where packets
 * are lost.
 */
import type { Service } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import { type Activity, activityDuring, none } from './activity.ts';
import type { Contender } from './contender.ts';
import { unhurried } from './figures.ts';
import { highestRate } from './highest-rate.ts';
import { type UdpSample, udp } from './measure.ts';
import { enginesOf, layPath, untilAnswers } from './paths.ts';
import { engineIn } from './profile-cpu.ts';
import type { Profile, Row } from './profile-table.ts';
import { type Drops, dropsBy, since } from './udp-losses.ts';
import { wakingsDuring } from './wakings.ts';

const OURS = { device: 'wg0', port: 51_820 };

export async function profileUdp(lab: Lab, contender: Contender): Promise<Profile> {
  const left = lab.host('left');
  const way = await layPath(lab, 'T1', contender);
  await untilAnswers(left, way.address);
  const engines = enginesOf(way);
  const { seconds, from, steps } = unhurried.udp;
  const rows: Row[] = [];
  const probe = async (mbit: number) => {
    const load = () => udp(left, way.far, way.address, { mbit, seconds });
    const { result, looks } = await lookDuring(
      engines.map(([, service]) => service),
      load,
    );
    for (const [nth, [name]] of engines.entries())
      rows.push({
        what: `${result.sentMbit.toFixed(0)} Mbit/s, ${name}`,
        values: [result.lost * 100, ...valuesOf(result, seconds, looks[nth] ?? nothing)],
      });
    return result;
  };
  const { mbit } = await highestRate(probe, { from, steps });
  return {
    about: `The search for the highest rate of UDP from the near end through ${contender.name}; wake-ups and interruptions are a packet’s`,
    facts: [{ what: 'found', value: mbit, unit: 'Mbit/s', digits: 0 }],
    columns,
    rows,
  };
}

const count = (title: string) => ({ title, unit: '', digits: 2 });
const percent = (title: string, digits = 0) => ({ title, unit: '%', digits });
const packets = (title: string) => ({ title, unit: '', digits: 0 });

const columns = [
  percent('lost', 3),
  count('wakes up'),
  count('wakes others'),
  count('interrupted'),
  percent('at work'),
  percent('waits for a processor'),
  packets('dropped at its interface'),
  packets('at its socket'),
  packets('at iperf3’s'),
];

/** What one engine did while one rate was tried. */
interface Look {
  activity: Activity;
  wakings: number;
  drops: Drops;
}

async function lookDuring<T>(
  services: readonly Service[],
  work: () => Promise<T>,
): Promise<{ result: T; looks: Look[] }> {
  const before = await dropsOf(services);
  const {
    result: { result, activities },
    wakings,
  } = await wakingsDuring(services, () => activityDuring(services, work));
  const after = await dropsOf(services);
  const looks = services.map((_, nth) => ({
    activity: activities[nth] ?? none,
    wakings: wakings[nth] ?? Number.NaN,
    drops: since(after[nth] ?? noDrops, before[nth] ?? noDrops),
  }));
  return { result, looks };
}

async function dropsOf(services: readonly Service[]): Promise<Drops[]> {
  return await Promise.all(
    services.map(async (service) => await dropsBy(await engineIn(service), OURS)),
  );
}

function valuesOf({ packets }: UdpSample, seconds: number, look: Look): number[] {
  const { wakeUps, interruptions, cpuSeconds, waitedSeconds } = look.activity;
  const { drops } = look;
  return [
    ...[wakeUps, look.wakings, interruptions].map((times) => times / packets),
    ...[cpuSeconds, waitedSeconds].map((part) => (part / seconds) * 100),
    ...[drops.interface, drops.engineSocket, drops.otherSockets],
  ];
}

const noDrops: Drops = { interface: 0, engineSocket: 0, otherSockets: 0 };
const nothing: Look = { activity: none, wakings: Number.NaN, drops: noDrops };
