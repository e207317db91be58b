/** tcpdump on a segment, and questions about what it saw. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Service, succeed } from '../lab/command.ts';
import { eventually } from '../lab/eventually.ts';
import type { Lab } from '../lab/lab.ts';
import { childrenOf } from '../lab/process-tree.ts';

/** What tcpdump says of itself when it is asked, and at its end. */
const COUNTS =
  /(\d+) packets? captured(?:, |\n)(\d+) packets? received by filter(?:, |\n)(\d+) packets? dropped by kernel/g;

interface Counts {
  /** Frames that tcpdump has written. */
  captured: number;
  /** Frames that the kernel had for it, those that it had no room for among them. */
  received: number;
  dropped: number;
}

/** For a tcpdump that gets no processor for a while. */
const PATIENCE_MS = 60_000;
const READING_MS = 120_000;
const BUFFER_KIB = 65_536;

/** Gone with its file at the end of the block that has it (`await using`). */
export class Capture implements AsyncDisposable {
  readonly #tcpdump: Service;
  readonly #folder: string;
  readonly #file: string;
  readonly #filter: string;
  #isWhole = false;

  private constructor(tcpdump: Service, folder: string, file: string, filter: string) {
    this.#tcpdump = tcpdump;
    this.#folder = folder;
    this.#file = file;
    this.#filter = filter;
  }

  /**
   * Sees every frame on the segment; the questions are about all, or about those that the filter (tcpdump's language) lets
   * through. The program has the fabric's network, and its process namespace, in which nothing outlives the lab; the file
   * stays outside.
   */
  static async on(lab: Lab, segment: string, filter = ''): Promise<Capture> {
    const folder = await mkdtemp(path.join(tmpdir(), 'culvert-capture-'));
    const file = path.join(folder, 'frames.pcap');
    const enter = ['nsenter', '--target', String(lab.fabric.pid), '--net', '--pid', '--'];
    // Whole, without the filter: frames that come before it is in its place are counted as received, and never captured.
    const argv = [...enter, ...tcpdumpInto(segment, file)];
    const tcpdump = new Service(`capture on ${segment}`, argv);
    const capture = new Capture(tcpdump, folder, file, filter);
    try {
      await tcpdump.waitFor(/listening on/);
      return capture;
    } catch (cause) {
      await capture[Symbol.asyncDispose]();
      throw cause;
    }
  }

  /**
   * Ends the capture; the questions below may follow. Every frame that had passed by when this was called has been written:
   * tcpdump leaves at once when it is told to, with whatever it has not read yet. Throws when a frame was lost, for a question
   * that is answered with “none” would then say nothing.
   */
  async stop(): Promise<void> {
    if (this.#isWhole) return;
    const { received } = await this.#ask();
    await eventually(async () => {
      const { captured, dropped } = await this.#ask();
      if (captured + dropped < received)
        throw new Error(`${this.#tcpdump.name}: ${captured} of ${received} frames are read`);
    }, PATIENCE_MS);
    const before = countsIn(this.#tcpdump.log).length;
    await this.#tcpdump.stop('SIGINT');
    const [last] = countsIn(this.#tcpdump.log).slice(before);
    if (!last) throw new Error(`${this.#tcpdump.name} ended without a word:\n${this.#tcpdump.log}`);
    const { dropped } = last;
    if (dropped > 0)
      throw new Error(`${this.#tcpdump.name}: the kernel had no room for ${dropped} frames`);
    this.#isWhole = true;
  }

  /** One line a packet that the filter (tcpdump's language) lets through. Only after the end. */
  async packets(filter: string): Promise<string[]> {
    this.#assertWhole();
    const argv = ['tcpdump', '-nn', '-t', '-r', this.#file, both(this.#filter, filter)];
    const printed = await succeed(argv, { timeoutMs: READING_MS });
    return printed.split('\n').filter((line) => line !== '');
  }

  /** Whether the bytes occur anywhere in what passed by. Only after the end. */
  async holds(bytes: string): Promise<boolean> {
    this.#assertWhole();
    const chosen = path.join(this.#folder, 'chosen.pcap');
    await succeed(['tcpdump', '-r', this.#file, '-w', chosen, this.#filter], {
      timeoutMs: READING_MS,
    });
    return (await readFile(chosen)).includes(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tcpdump.stop('SIGKILL');
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** What tcpdump has not written yet, or has lost, would look like nothing. */
  #assertWhole(): void {
    if (!this.#isWhole)
      throw new Error(`${this.#tcpdump.name} is not whole: ask it after \`stop\` has worked`);
  }

  /** SIGUSR1 is for tcpdump alone: the nsenter before it would end. */
  async #ask(): Promise<Counts> {
    const [tcpdump] = await childrenOf(this.#tcpdump.pid);
    if (tcpdump === undefined)
      throw new Error(`${this.#tcpdump.name} ended before it was told to:\n${this.#tcpdump.log}`);
    const answers = countsIn(this.#tcpdump.log).length;
    tell(tcpdump, 'SIGUSR1');
    // Rejects when it ends instead.
    const oneMore = new RegExp(`(?:${COUNTS.source}[^]*?){${answers + 1}}`);
    await this.#tcpdump.waitFor(oneMore, PATIENCE_MS);
    return lastCounts(this.#tcpdump);
  }
}

/** A process that is gone is no error: its end is what is seen then. */
function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

function lastCounts({ name, log }: Service): Counts {
  const counts = countsIn(log).at(-1);
  if (!counts) throw new Error(`${name} has not said how much it has read:\n${log}`);
  return counts;
}

function countsIn(log: string): Counts[] {
  return [...log.matchAll(COUNTS)].map(([, captured, received, dropped]) => ({
    captured: Number(captured),
    received: Number(received),
    dropped: Number(dropped),
  }));
}

/** In tcpdump’s language. */
function both(one: string, other: string): string {
  if (one === '' || other === '') return one + other;
  return `(${one}) and (${other})`;
}

/**
 * Not in immediate mode, in which each frame takes as much of the buffer as the largest one could: 16 MB would be full after
 * 250 frames. What arrives is handed over within a second. Nor is each frame flushed: the file is read after the end, and a
 * hundred megabytes in a second have to be written beside everything else.
 */
function tcpdumpInto(segment: string, file: string): string[] {
  const whole = ['-s', '0', '-B', String(BUFFER_KIB)];
  return ['tcpdump', '-i', segment, '-w', file, '-Z', 'root', ...whole];
}
