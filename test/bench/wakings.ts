/** How often an engine wakes another thread, its own or another program's, as the scheduler tells `perf`. */
import { Service } from '../lab/command.ts';
import { pause } from './measure.ts';
import { engineIn } from './profile-cpu.ts';

const EVENT = 'sched:sched_waking';
/** `perf` does not say when it has begun. */
const UNDER_WAY_SECONDS = 0.3;

export async function wakingsDuring<T>(
  services: readonly Service[],
  work: () => Promise<T>,
): Promise<{ result: T; wakings: number[] }> {
  const watchers = await Promise.all(
    services.map(async (service) => {
      const target = ['--pid', String(await engineIn(service))];
      return new Service('perf', ['perf', 'stat', '-x,', '--event', EVENT, ...target]);
    }),
  );
  await pause(UNDER_WAY_SECONDS);
  const result = await work();
  await Promise.all(watchers.map((watcher) => watcher.stop('SIGINT')));
  return { result, wakings: watchers.map(({ log }) => readWakings(log)) };
}

/** A line such as `12018,,sched:sched_waking,501714911,100.00,,`; NaN when it was not counted. */
export function readWakings(text: string): number {
  return Number(new RegExp(`^(\\d+),[^,]*,${EVENT},`, 'm').exec(text)?.[1] ?? Number.NaN);
}
