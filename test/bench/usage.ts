/** CPU time and memory of an engine: all threads of what a service started, seen from outside its host. */
import { readdir, readFile } from 'node:fs/promises';
import type { Service } from '../lab/command.ts';
import { processesBelow } from '../lab/process-tree.ts';
import { sum } from './statistics.ts';

export interface Usage {
  cpuSeconds: number;
  /** Resident set, MB. */
  rssMb: number;
}

export async function usage(services: readonly Service[]): Promise<Usage> {
  const below = await Promise.all(services.map(({ pid }) => processesBelow(pid)));
  const pids = [...services.map(({ pid }) => pid), ...below.flat()];
  const each = await Promise.all(pids.map(usageOf));
  return {
    cpuSeconds: sum(each.map((one) => one.cpuSeconds)),
    rssMb: sum(each.map((one) => one.rssMb)),
  };
}

/** CPU time that the services take while `work` goes on. */
export async function cpuDuring<T>(
  services: readonly Service[],
  work: () => Promise<T>,
): Promise<{ result: T; cpuSeconds: number }> {
  const before = await usage(services);
  const result = await work();
  const after = await usage(services);
  return { result, cpuSeconds: after.cpuSeconds - before.cpuSeconds };
}

async function usageOf(pid: number): Promise<Usage> {
  try {
    const tasks = await readdir(`/proc/${pid}/task`);
    const spent = await Promise.all(tasks.map((task) => cpuOfThread(pid, task)));
    const pages = Number((await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ')[1]);
    return { cpuSeconds: sum(spent), rssMb: (pages * 4096) / 1e6 };
  } catch {
    return { cpuSeconds: 0, rssMb: 0 };
  }
}

/** The scheduler's own count in nanoseconds: the ticks of /proc/PID/stat miss what wakes up only for a moment. */
async function cpuOfThread(pid: number, task: string): Promise<number> {
  const text = await readFile(`/proc/${pid}/task/${task}/schedstat`, 'utf8').catch(() => '0');
  return Number(text.split(' ')[0]) / 1e9;
}
