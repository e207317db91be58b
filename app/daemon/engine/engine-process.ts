/** Starts culvert-engine so that it survives us, and finds one that did. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { EngineSilent } from '../../../native/client/connection.ts';
import { Engine } from '../../../native/client/engine.ts';
import { endHungEngine } from '../../../native/client/hung-engine.ts';
import { Fault } from '../../contract/problem.ts';
import type { DeviceSettings } from './backend.ts';
import { FileAppearance } from './file-appearance.ts';

export interface EngineProcess {
  /** Absolute path of culvert-engine. */
  binary: string;
  controlPath: string;
  /** Its stderr. A file, for a pipe would break with us. */
  logPath: string;
  /** When each peer last began, for the engine to keep; must outlive the computer's restart. */
  statePath?: string;
}

const PATIENCE_MS = 10_000;
const POLL_MS = 20;
const LARGE_LOG_BYTES = 1024 * 1024;

export async function startEngine(
  options: EngineProcess,
  device: string,
  settings: Pick<DeviceSettings, 'mtu' | 'mark'>,
): Promise<Engine> {
  const size = ['--mtu', `${settings.mtu}`, '--fwmark', `${settings.mark}`];
  const state = options.statePath === undefined ? [] : ['--state', options.statePath];
  const argv = ['device', device, '--control', options.controlPath, ...size, ...state];
  const saidBefore = sizeOf(options.logPath);
  const socket = new FileAppearance(options.controlPath);
  try {
    const child = launch(options, argv);
    const ended = endOf(child);
    for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; ) {
      const why = await Promise.race([ended, socket.next(POLL_MS)]);
      if (why !== undefined)
        throw new Fault('engine-failed', { reason: lastWords(options.logPath, saidBefore) ?? why });
      const engine = await openStarting(options.controlPath);
      if (engine) return engine;
    }
    child.kill('SIGKILL');
  } finally {
    socket.close();
  }
  throw new Fault('engine-failed', {
    reason: lastWords(options.logPath, saidBefore) ?? 'it does not answer',
  });
}

/** Null while it cannot answer yet. One that makes its socket and then cannot start ends, and that is told by its end. */
async function openStarting(path: string): Promise<Engine | null> {
  try {
    return await Engine.open(path);
  } catch {
    return null;
  }
}

/** Null where no engine answers. A socket that nobody listens at was left by one that was killed; one that hangs is ended. */
export async function openControl(path: string): Promise<Engine | null> {
  try {
    return await Engine.open(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (cause instanceof EngineSilent) {
      await endHungEngine(path);
      return null;
    }
    if (code === 'ECONNREFUSED') rmSync(path, { force: true });
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return null;
    throw new Fault('engine-failed', { reason: 'another engine answers wrongly' }, cause);
  }
}

/** Its device goes last, with the process, some time after its control socket has closed. One that hangs is killed. */
export async function waitForEnd(pid: number): Promise<void> {
  const started = performance.now();
  for (let isKilled = false; isRunning(pid); ) {
    const waitedMs = performance.now() - started;
    if (waitedMs > PATIENCE_MS) {
      throw new Fault('undo-refused', { reason: `the engine (process ${pid}) does not end` });
    }
    if (waitedMs > PATIENCE_MS / 2 && !isKilled) isKilled = process.kill(pid, 'SIGKILL');
    await pause(POLL_MS);
  }
}

/** One that ended and that nobody has asked after yet holds nothing any more. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    // No /proc on this system: the signal went through, so it runs.
    return code === 'ENOENT' && !existsSync('/proc/self');
  }
}

/** A session of its own, so that what ends the daemon does not reach it. Our environment is none of its business. */
function launch({ binary, logPath }: EngineProcess, argv: string[]): ChildProcess {
  try {
    accessSync(binary, constants.X_OK);
  } catch (cause) {
    throw new Fault('engine-missing', { path: binary }, cause);
  }
  // An engine that dies over and over must not fill the disk with its last words.
  const log = openSync(logPath, sizeOf(logPath) === 0 ? 'w' : 'a', 0o600);
  try {
    const level = process.env.CULVERT_LOG;
    const child = spawn(binary, argv, {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...(level && { CULVERT_LOG: level }) },
    });
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? `status ${code}`}`));
  });
}

/** The one line that the engine says when it cannot start. */
function lastWords(logPath: string, from: number): string | undefined {
  const lines = readFileSync(logPath).subarray(from).toString('utf8').trim().split('\n');
  return lines.at(-1)?.replace(/^culvert-engine: /, '') || undefined;
}

function sizeOf(path: string): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return size > LARGE_LOG_BYTES ? 0 : size;
}
