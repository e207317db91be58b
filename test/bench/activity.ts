/** How often a service's threads ran, for how long, and how long they had to wait for a processor first. */
import { readdir, readFile } from 'node:fs/promises';
import type { Service } from '../lab/command.ts';
import { processesBelow } from '../lab/process-tree.ts';
import { sum } from './statistics.ts';

export interface Activity {
  cpuSeconds: number;
  /** Ready to run, and others did. */
  waitedSeconds: number;
  /** Times that a thread fell asleep of itself. */
  wakeUps: number;
  /** Times that one had to make room for another, in the middle of its work. */
  interruptions: number;
}

export async function activityDuring<T>(
  services: readonly Service[],
  work: () => Promise<T>,
): Promise<{ result: T; activities: Activity[] }> {
  const before = await Promise.all(services.map(activity));
  const result = await work();
  const after = await Promise.all(services.map(activity));
  const activities = after.map((one, nth) => difference(one, before[nth]));
  return { result, activities };
}

function difference(after: Activity, before: Activity = none): Activity {
  return {
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    waitedSeconds: after.waitedSeconds - before.waitedSeconds,
    wakeUps: after.wakeUps - before.wakeUps,
    interruptions: after.interruptions - before.interruptions,
  };
}

export const none: Activity = { cpuSeconds: 0, waitedSeconds: 0, wakeUps: 0, interruptions: 0 };

async function activity(service: Service): Promise<Activity> {
  const processes = [service.pid, ...(await processesBelow(service.pid))];
  const tasks = await Promise.all(
    processes.map(async (pid) => {
      const names = await readdir(`/proc/${pid}/task`).catch(() => []);
      return names.map((task) => `/proc/${pid}/task/${task}`);
    }),
  );
  const all = await Promise.all(tasks.flat().map(activityOfThread));
  return {
    cpuSeconds: sum(all.map((one) => one.cpuSeconds)),
    waitedSeconds: sum(all.map((one) => one.waitedSeconds)),
    wakeUps: sum(all.map((one) => one.wakeUps)),
    interruptions: sum(all.map((one) => one.interruptions)),
  };
}

/** Of /proc/PID/task/TID: schedstat has nanoseconds on a processor and waiting for one. */
async function activityOfThread(folder: string): Promise<Activity> {
  const [times, status] = await Promise.all(
    ['schedstat', 'status'].map((name) => readFile(`${folder}/${name}`, 'utf8').catch(() => '')),
  );
  const [ran = 0, waited = 0] = (times ?? '').split(' ').map(Number);
  const switches = (kind: string) =>
    Number(new RegExp(`^${kind}_ctxt_switches:\\s+(\\d+)`, 'm').exec(status ?? '')?.[1] ?? 0);
  return {
    cpuSeconds: ran / 1e9,
    waitedSeconds: waited / 1e9,
    wakeUps: switches('voluntary'),
    interruptions: switches('nonvoluntary'),
  };
}
