/** tcpdump on a segment, and questions about what it saw. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Service } from '../lab/command.ts';
import { Service as Running, succeed } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';

/** Gone with its file at the end of the block that has it (`await using`). */
export class Capture implements AsyncDisposable {
  readonly #tcpdump: Service;
  readonly #folder: string;
  readonly #file: string;

  private constructor(tcpdump: Service, folder: string, file: string) {
    this.#tcpdump = tcpdump;
    this.#folder = folder;
    this.#file = file;
  }

  /**
   * Sees every frame on the segment, or those that the filter (tcpdump's language) lets through. The program has the fabric's network, and its process namespace, in which nothing outlives
   * the lab; the file stays outside.
   */
  static async on(lab: Lab, segment: string, filter = ''): Promise<Capture> {
    const folder = await mkdtemp(path.join(tmpdir(), 'culvert-capture-'));
    const file = path.join(folder, 'frames.pcap');
    const enter = ['nsenter', '--target', String(lab.fabric.pid), '--net', '--pid', '--'];
    const tcpdump = new Running(`capture on ${segment}`, [
      ...enter,
      ...tcpdumpInto(segment, file),
      filter,
    ]);
    const capture = new Capture(tcpdump, folder, file);
    try {
      await tcpdump.waitFor(/listening on/);
      return capture;
    } catch (cause) {
      await capture[Symbol.asyncDispose]();
      throw cause;
    }
  }

  /** Ends the capture; the questions below may follow. */
  async stop(): Promise<void> {
    await this.#tcpdump.stop('SIGINT');
  }

  /** One line a packet that the filter (tcpdump's language) lets through. */
  async packets(filter: string): Promise<string[]> {
    const printed = await succeed(['tcpdump', '-nn', '-t', '-r', this.#file, filter], {
      timeoutMs: 120_000,
    });
    return printed.split('\n').filter((line) => line !== '');
  }

  /** Whether the bytes occur anywhere in what passed by. */
  async holds(bytes: string): Promise<boolean> {
    return (await readFile(this.#file)).includes(Buffer.from(bytes));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function tcpdumpInto(segment: string, file: string): string[] {
  const unbuffered = ['-U', '--immediate-mode'];
  const whole = ['-s', '0', '-B', '16384'];
  return ['tcpdump', '-i', segment, '-w', file, '-Z', 'root', ...unbuffered, ...whole];
}
