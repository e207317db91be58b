/** What an engine holds of its host: memory, descriptors, threads. */
import { readdir, readFile } from 'node:fs/promises';
import type { Service } from '../lab/command.ts';
import { childrenOf, programOf } from '../lab/process-tree.ts';

export interface Sample {
  rssKb: number;
  descriptors: number;
  threads: number;
}

/** Growth that is none: allocators and tables settle. */
const MOST_GROWTH_KB = 1024;
const MOST_GROWTH_SHARE = 0.05;
const MOST_MORE_DESCRIPTORS = 8;

export class Watched {
  readonly name: string;
  readonly #service: Service;
  readonly samples: Sample[] = [];

  constructor(name: string, service: Service) {
    this.name = name;
    this.#service = service;
  }

  async take(): Promise<void> {
    if (!this.#service.isRunning) throw new Error(`${this.name} has ended:\n${this.#service.log}`);
    this.samples.push(await sampleOf(await engineBelow(this.#service.pid)));
  }

  get last(): Sample {
    return this.samples.at(-1) ?? { rssKb: 0, descriptors: 0, threads: 0 };
  }

  /** The most of the last quarter beside the most of the second; the first is for warming up. */
  verdict(): { isFlat: boolean; sentence: string } {
    const quarter = Math.floor(this.samples.length / 4);
    const early = most(this.samples.slice(quarter, 2 * quarter));
    const late = most(this.samples.slice(-quarter));
    const isFlat =
      late.rssKb <= early.rssKb * (1 + MOST_GROWTH_SHARE) + MOST_GROWTH_KB &&
      late.descriptors <= early.descriptors + MOST_MORE_DESCRIPTORS &&
      late.threads <= early.threads;
    const change = (what: keyof Sample) => `${early[what]} → ${late[what]}`;
    const sentence = `${this.name}: ${change('rssKb')} KB, ${change('descriptors')} descriptors, ${change('threads')} threads`;
    return { isFlat, sentence };
  }
}

function most(samples: Sample[]): Sample {
  const largest = (what: keyof Sample) => Math.max(0, ...samples.map((sample) => sample[what]));
  return {
    rssKb: largest('rssKb'),
    descriptors: largest('descriptors'),
    threads: largest('threads'),
  };
}

async function sampleOf(pid: number): Promise<Sample> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const number = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return {
    rssKb: number('VmRSS'),
    descriptors: (await readdir(`/proc/${pid}/fd`)).length,
    threads: number('Threads'),
  };
}

/** Behind `nsenter`, and `setpriv` where there is one. */
async function engineBelow(pid: number): Promise<number> {
  if (['culvert-engine', 'wireguard-go'].includes(await programOf(pid))) return pid;
  const [child] = await childrenOf(pid);
  if (child === undefined) throw new Error(`process ${pid} is no engine`);
  return await engineBelow(child);
}
