/** tcpdump on a segment, and questions about what it saw. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Service } from '../lab/command.ts';
import { Service as Running, succeed } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';

export class Capture {
  readonly #tcpdump: Service;
  readonly #folder: string;
  readonly #file: string;

  private constructor(tcpdump: Service, folder: string, file: string) {
    this.#tcpdump = tcpdump;
    this.#folder = folder;
    this.#file = file;
  }

  /** Sees every frame on the segment. The program runs in the fabric's network, the file stays outside. */
  static async on(lab: Lab, segment: string): Promise<Capture> {
    const folder = await mkdtemp(path.join(tmpdir(), 'culvert-capture-'));
    const file = path.join(folder, 'frames.pcap');
    const enter = ['nsenter', '--target', String(lab.fabric.pid), '--net', '--'];
    const argv = [
      'tcpdump',
      '-i',
      segment,
      '-w',
      file,
      '-U',
      '-Z',
      'root',
      '--immediate-mode',
      '-s',
      '0',
      '-B',
      '16384',
    ];
    const tcpdump = new Running(`capture on ${segment}`, [...enter, ...argv]);
    await tcpdump.waitFor(/listening on/);
    return new Capture(tcpdump, folder, file);
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

  async discard(): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
