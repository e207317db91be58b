/** What processor time is spent for, by `perf`. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Service, succeed } from '../lab/command.ts';
import { childrenOf } from '../lab/process-tree.ts';
import { readSamples, type Sample, type Share, shares } from './samples.ts';

/** Looks on for so long. */
export async function sharesOf(service: Service, seconds: number): Promise<Share[]> {
  const target = ['--pid', String(await engineIn(service)), '--', 'sleep', `${seconds}`];
  return shares((await record(target)).samples);
}

/** Looks on while that work goes on; when the engine waits, nothing is sampled. */
export async function sharesWhile(service: Service, work: Promise<unknown>): Promise<Share[]> {
  const { samples } = await record(['--pid', String(await engineIn(service))], work);
  return shares(samples);
}

/**
 * `target`: what `perf record` looks at, as it takes that; `said`: what a program that it starts has printed. It ends with
 * that program, or with the work.
 */
export async function record(
  target: string[],
  work?: Promise<unknown>,
): Promise<{ samples: Sample[]; said: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'culvert-profile-'));
  const data = path.join(folder, 'perf.data');
  const sampling = ['--quiet', '--freq', '1999', '--output', data];
  const recording = new Service('perf', ['perf', 'record', ...sampling, ...target]);
  // Ctrl-C ends this process before that program, which would leave its file behind.
  const clear = () => {
    void recording.stop('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', clear);
  try {
    await work;
    if (work) await recording.stop('SIGINT');
    const [code, signal] = await recording.ended;
    if (code !== 0 && signal !== 'SIGINT') throw new Error(`perf record: ${recording.log.trim()}`);
    const shown = ['--no-children', '--stdio', '--sort', 'sym'];
    const report = await succeed(['perf', 'report', '--input', data, ...shown]);
    const samples = readSamples(report);
    if (samples.length === 0) throw new Error('perf has seen nothing at work');
    return { samples, said: recording.log };
  } finally {
    process.off('exit', clear);
    clear();
  }
}

/** The engine is the child of what entered its host. */
export async function engineIn(service: Service): Promise<number> {
  const [engine = service.pid] = await childrenOf(service.pid);
  return engine;
}
