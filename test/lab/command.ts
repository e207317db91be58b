/** Running programs: to their end, or as services with a log one can wait on. */
import { type ChildProcess, spawn } from 'node:child_process';

export interface RunOptions {
  user?: string;
  env?: Record<string, string>;
  input?: string;
  timeoutMs?: number;
  cwd?: string;
}

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export class CommandFailed extends Error {
  constructor(argv: readonly string[], finished: Finished) {
    const how = finished.signal ? `ended by ${finished.signal}` : `exit code ${finished.code}`;
    super(`${argv.join(' ')}: ${how}\n${finished.stderr || finished.stdout}`);
  }
}

/** Runs to the end and gives back whatever happened; never throws for an exit code. */
export async function finish(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = start(argv, options);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input ?? '');
  const timer = setTimeout(() => killGroup(child, 'SIGKILL'), options.timeoutMs ?? 60_000);
  const [code, signal] = await ended(child);
  clearTimeout(timer);
  return {
    code,
    signal,
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
  };
}

/** Runs to the end; anything but exit code 0 throws with what the program said. */
export async function succeed(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const finished = await finish(argv, options);
  if (finished.code !== 0) throw new CommandFailed(argv, finished);
  return finished.stdout;
}

/** A long-running program; its output is kept, and can be waited on. */
export class Service {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #end: Promise<[number | null, NodeJS.Signals | null]>;
  #log = '';
  #done = false;
  #watchers = new Set<() => void>();

  constructor(name: string, argv: readonly string[], options: RunOptions = {}) {
    this.name = name;
    this.#child = start(argv, options);
    if (options.input === undefined) this.#child.stdin?.end();
    else this.#child.stdin?.write(options.input);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#log += chunk.toString();
        this.#notify();
      });
    }
    this.#end = ended(this.#child).then((end) => {
      this.#done = true;
      this.#notify();
      return end;
    });
  }

  get log(): string {
    return this.#log;
  }

  get isRunning(): boolean {
    return !this.#done;
  }

  /** Process id outside, of the process group's leader. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get ended(): Promise<[number | null, NodeJS.Signals | null]> {
    return this.#end;
  }

  /** Resolves with the match once the log holds it; rejects with the whole log when the program ends or time passes. */
  async waitFor(pattern: RegExp, timeoutMs = 20_000): Promise<RegExpExecArray> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(this.#log);
      if (match) return match;
      if (this.#done)
        throw new Error(`${this.name} ended before it said ${pattern}:\n${this.#log}`);
      const left = deadline - Date.now();
      if (left <= 0)
        throw new Error(
          `${this.name} did not say ${pattern} within ${timeoutMs} ms:\n${this.#log}`,
        );
      await this.#change(left);
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM', patienceMs = 5_000): Promise<void> {
    if (this.#done) return;
    killGroup(this.#child, signal);
    const timer = setTimeout(() => killGroup(this.#child, 'SIGKILL'), patienceMs);
    await this.#end;
    clearTimeout(timer);
  }

  #change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#watchers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.#watchers.add(done);
    });
  }

  #notify(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

/** A process group of its own, so that a signal reaches the program behind `nsenter` and not only `nsenter`. */
function start(argv: readonly string[], options: RunOptions): ChildProcess {
  const [program, ...rest] = argv;
  if (program === undefined) throw new Error('no program named');
  return spawn(program, rest, {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
}

function ended(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve([code, signal]));
  });
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}
