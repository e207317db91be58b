/** One engine as a process: started so that it outlives us, found at its socket, waited for until it is gone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { pause } from './backoff.ts';
import { Engine } from './engine.ts';
import type { EngineRole } from './protocol.ts';

export interface EngineProcess {
  role: EngineRole;
  binary: string;
  /** After the role: `['culvert0']` for a device; `--control` is added. */
  arguments: string[];
  socketPath: string;
  /** The engine's stderr. A file, for a pipe would break when this process goes. */
  logPath: string;
  environment?: NodeJS.ProcessEnv;
}

const START_PATIENCE_MS = 10_000;

/** Undefined where nobody listens. */
export async function openIfThere(path: string): Promise<Engine | undefined> {
  try {
    return await Engine.open(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function startEngine(options: EngineProcess, signal: AbortSignal): Promise<Engine> {
  // What is left of an engine that was killed. Only before the start: a new engine's socket refuses for a moment too.
  rmSync(options.socketPath, { force: true });
  const child = spawnEngine(options);
  const exit = exitOf(child);
  const deadline = performance.now() + START_PATIENCE_MS;
  while (performance.now() < deadline && !signal.aborted) {
    const ended = await Promise.race([exit, pause(20, signal).then(() => undefined)]);
    if (ended !== undefined) throw new Error(withLastWords(ended, options.logPath));
    const engine = await openIfThere(options.socketPath);
    if (engine) return engine;
  }
  child.kill('SIGKILL');
  throw new Error(withLastWords('The engine started but never answered.', options.logPath));
}

/** A session of its own (`detached`), so that a Ctrl-C or a hang-up that ends this process does not reach it. */
function spawnEngine(options: EngineProcess): ChildProcess {
  const log = openSync(options.logPath, isLarge(options.logPath) ? 'w' : 'a', 0o600);
  try {
    const child = spawn(
      options.binary,
      [options.role, ...options.arguments, '--control', options.socketPath],
      {
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...process.env, ...options.environment },
      },
    );
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** An engine that dies at once, over and over, must not fill the disk with its last words. */
function isLarge(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LARGE_LOG_BYTES;
}

const LARGE_LOG_BYTES = 1024 * 1024;

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`The engine cannot be started: ${error.message}.`));
    child.once('exit', (code, signal) =>
      resolve(`The engine ended with ${signal ?? `status ${code}`}.`),
    );
  });
}

const LAST_WORDS_BYTES = 2000;

export function withLastWords(sentence: string, logPath: string): string {
  try {
    if (statSync(logPath).size === 0) return sentence;
    const line = readFileSync(logPath)
      .subarray(-LAST_WORDS_BYTES)
      .toString('utf8')
      .trim()
      .split('\n')
      .at(-1);
    return line ? `${sentence} Its last words: ${line}` : sentence;
  } catch {
    return sentence;
  }
}

/** Its socket closes a moment before its ports and files are free for the next one. */
export async function untilGone(pid: number): Promise<void> {
  const deadline = performance.now() + EXIT_PATIENCE_MS;
  while (isRunning(pid)) {
    if (performance.now() > deadline) {
      process.kill(pid, 'SIGKILL');
      return;
    }
    await pause(10, NEVER);
  }
}

const EXIT_PATIENCE_MS = 5_000;
const NEVER = new AbortController().signal;

/** A process that has ended but whose parent has not asked for its status (in a container, often nobody does) is gone. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || readFileSync(`/proc/${pid}/cmdline`).length > 0;
  } catch {
    return false;
  }
}
