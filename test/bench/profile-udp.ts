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
import { layPath, untilAnswers } from './paths.ts';
import { engineIn, refuseWithoutPerf } from './profile-cpu.ts';
import { enginesOf } from './profile-round-trips.ts';
import { type Drops, dropsBy, since } from './udp-losses.ts';
import { wakingsDuring } from './wakings.ts';

const OURS = { device: 'wg0', port: 51_820 };

export async function profileUdp(lab: Lab, contender: Contender): Promise<void> {
  await refuseWithoutPerf();
  const left = lab.host('left');
  const way = await layPath(lab, 'T1', contender);
  await untilAnswers(left, way.address);
  const engines = enginesOf(way);
  const services = engines.map(([, service]) => service);
  const { seconds, from, steps } = unhurried.udp;
  const probe = async (mbit: number) => {
    const before = await dropsOf(services);
    const load = () => udp(left, way.far, way.address, { mbit, seconds });
    const {
      result: { result, activities },
      wakings,
    } = await wakingsDuring(services, () => activityDuring(services, load));
    const after = await dropsOf(services);
    console.log(
      `${mbit.toFixed(0)} Mbit/s asked, ${result.sentMbit.toFixed(0)} sent, ${(result.lost * 100).toFixed(3)} % of ${result.packets} packets lost`,
    );
    for (const [nth, [name]] of engines.entries()) {
      const lost = since(after[nth] ?? NONE, before[nth] ?? NONE);
      const line = lineOf(result, seconds, wakings[nth] ?? Number.NaN, activities[nth] ?? none);
      console.log(`  ${name}: ${line}; dropped ${placesOf(lost)}`);
    }
    return result;
  };
  const { mbit } = await highestRate(probe, { from, steps });
  console.log(`${contender.name}: ${mbit.toFixed(0)} Mbit/s`);
}

async function dropsOf(services: readonly Service[]): Promise<Drops[]> {
  return await Promise.all(
    services.map(async (service) => await dropsBy(await engineIn(service), OURS)),
  );
}

function lineOf(
  { packets }: UdpSample,
  seconds: number,
  wakings: number,
  { wakeUps, interruptions, cpuSeconds, waitedSeconds }: Activity,
): string {
  const percent = (part: number) => `${((part / seconds) * 100).toFixed(0)} %`;
  const aPacket = (count: number) => (count / packets).toFixed(2);
  return `${aPacket(wakeUps)} wake-ups a packet, wakes others ${aPacket(wakings)} times, is interrupted by others ${aPacket(interruptions)} times; at work ${percent(cpuSeconds)} of the time, waiting for a processor ${percent(waitedSeconds)}`;
}

function placesOf(lost: Drops): string {
  return `at its interface ${lost.interface}, at its socket ${lost.engineSocket}, at iperf3’s ${lost.otherSockets}`;
}

const NONE: Drops = { interface: 0, engineSocket: 0, otherSockets: 0 };
