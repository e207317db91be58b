/** What an engine's processor time is spent for, by `perf`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { finish, type Service, succeed } from '../lab/command.ts';
import { childrenOf } from '../lab/process-tree.ts';
import { readSamples, type Share, shares } from './samples.ts';

export async function refuseWithoutPerf(): Promise<void> {
  await refuseWithout('perf', 'linux-perf');
}

/** `debianPackage` has that program. */
export async function refuseWithout(program: string, debianPackage: string): Promise<void> {
  if ((await finish([program, '--version']).catch(() => undefined))?.code === 0) return;
  console.error(`${program} does not run here. On Debian: apt-get install ${debianPackage}`);
  process.exit(1);
}

/** Looks on for so long. */
export async function sharesOf(service: Service, seconds: number): Promise<Share[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'culvert-profile-'));
  try {
    const data = path.join(folder, 'perf.data');
    const target = ['--pid', String(await engineIn(service))];
    const sampling = ['--freq', '1999', '--output', data, ...target, '--', 'sleep', `${seconds}`];
    await succeed(['perf', 'record', '--quiet', ...sampling]);
    const shown = ['--no-children', '--stdio', '--sort', 'sym'];
    return shares(readSamples(await succeed(['perf', 'report', '--input', data, ...shown])));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The engine is the child of what entered its host. */
export async function engineIn(service: Service): Promise<number> {
  const [engine = service.pid] = await childrenOf(service.pid);
  return engine;
}
