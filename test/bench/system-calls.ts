/** Which system calls an engine makes, counted by `strace`. It makes them slow: nothing is timed meanwhile. */
import { Service } from '../lab/command.ts';
import { engineIn } from './profile-cpu.ts';

/** All threads', the most frequent first. */
export async function systemCallsDuring(
  service: Service,
  work: () => Promise<unknown>,
): Promise<[name: string, calls: number][]> {
  const target = String(await engineIn(service));
  const strace = new Service('strace', ['strace', '-c', '-S', 'calls', '-f', '-p', target]);
  await strace.waitFor(/attached/);
  await work();
  await strace.stop('SIGINT');
  return readCalls(strace.log);
}

/** Lines such as ` 33.33    0.000100           1       100         2 poll`. */
export function readCalls(table: string): [name: string, calls: number][] {
  const lines = table.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/gm);
  return [...lines]
    .map(([, calls, name = '']): [string, number] => [name, Number(calls)])
    .filter(([name]) => name !== 'total');
}
