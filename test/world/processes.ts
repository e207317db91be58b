/** What the kernel says about the processes of a user in a host. */
import type { Host } from '../lab/host.ts';

export interface ProcessFacts {
  pid: number;
  program: string;
  uid: number;
  capabilities: Record<(typeof SETS)[number][0], bigint>;
}

const SETS = [
  ['inheritable', 'CapInh'],
  ['permitted', 'CapPrm'],
  ['effective', 'CapEff'],
  ['bounding', 'CapBnd'],
  ['ambient', 'CapAmb'],
] as const;

export async function processesOf(host: Host, user: string): Promise<ProcessFacts[]> {
  const { stdout } = await host.try(['pgrep', '-u', user]);
  const pids = stdout.split('\n').filter((line) => line !== '');
  return await Promise.all(pids.map((pid) => factsOf(host, Number(pid))));
}

async function factsOf(host: Host, pid: number): Promise<ProcessFacts> {
  const status = await host.read(`/proc/${pid}/status`);
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? '';
  const program = (await host.run(['readlink', `/proc/${pid}/exe`])).trim().split('/').at(-1) ?? '';
  const capabilities = Object.fromEntries(
    SETS.map(([name, key]) => [name, BigInt(`0x${field(key)}`)]),
  );
  return {
    pid,
    program,
    uid: Number(field('Uid')),
    capabilities: capabilities as ProcessFacts['capabilities'],
  };
}
