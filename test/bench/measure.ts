/** One figure each, taken with standard programs. */

import { readFile } from 'node:fs/promises';
import type { Service } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';

export interface Throughput {
  gbitPerSecond: number;
  bytes: number;
  retransmits: number;
}

/** iperf3 over TCP. The server side is started for this one measurement. */
export async function tcp(
  from: Host,
  to: Host,
  address: string,
  streams: number,
  seconds: number,
): Promise<Throughput> {
  const server = to.start('iperf3', ['iperf3', '--server', '--one-off', '--forceflush']);
  await server.waitFor(/Server listening/);
  const text = await from.run(
    [
      'iperf3',
      '--client',
      address,
      '--time',
      String(seconds),
      '--parallel',
      String(streams),
      '--json',
    ],
    { timeoutMs: (seconds + 20) * 1000 },
  );
  await server.stop();
  const { end } = JSON.parse(text) as {
    end: {
      sum_received: { bits_per_second: number; bytes: number };
      sum_sent: { retransmits: number };
    };
  };
  return {
    gbitPerSecond: end.sum_received.bits_per_second / 1e9,
    bytes: end.sum_received.bytes,
    retransmits: end.sum_sent.retransmits,
  };
}

/** Round-trip times in ms, sorted. */
export async function roundTrips(
  from: Host,
  address: string,
  count: number,
  everySeconds = 0.01,
): Promise<number[]> {
  const text = await from.run(
    ['ping', '-n', '-i', String(everySeconds), '-c', String(count), address],
    { timeoutMs: count * everySeconds * 1000 + 20_000 },
  );
  return [...text.matchAll(/time=([\d.]+) ms/g)]
    .map((match) => Number(match[1]))
    .sort((a, b) => a - b);
}

export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

export interface Usage {
  cpuSeconds: number;
  /** Resident set, MB. */
  rssMb: number;
}

/** CPU time and memory of a service's process tree (what `nsenter` started, seen from outside). */
export async function usage(service: Service): Promise<Usage> {
  const pids = await descendants(service.pid);
  const each = await Promise.all(pids.map(usageOf));
  return {
    cpuSeconds: sum(each.map((one) => one.cpuSeconds)),
    rssMb: sum(each.map((one) => one.rssMb)),
  };
}

async function usageOf(pid: number): Promise<Usage> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // proc(5): after the name in parentheses come state (3), …, utime (14), stime (15) in ticks of 1/100 s, …, rss (24) in pages.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
      rssMb: (Number(fields[21]) * 4096) / 1e6,
    };
  } catch {
    return { cpuSeconds: 0, rssMb: 0 };
  }
}

async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = text.trim().split(' ').filter(Boolean).map(Number);
  const below = await Promise.all(children.map(descendants));
  return [pid, ...below.flat()];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
