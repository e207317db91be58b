/** Starts culvert-engine so that it survives us, and finds one that did. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Engine } from '../../../native/client/engine.ts';
import { Fault } from '../../contract/problem.ts';
import type { DeviceSettings } from './backend.ts';

export interface EngineProcess {
  /** Absolute path of culvert-engine. */
  binary: string;
  controlPath: string;
  /** Its stderr. A file, for a pipe would break with us. */
  logPath: string;
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
  const argv = ['device', device, '--control', options.controlPath, ...size];
  const child = launch(options, argv);
  const ended = endOf(child);
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; ) {
    const why = await Promise.race([ended, pause(POLL_MS, null)]);
    if (why !== null)
      throw new Fault('engine-failed', { reason: lastWords(options.logPath) ?? why });
    const engine = await openControl(options.controlPath);
    if (engine) return engine;
  }
  child.kill('SIGKILL');
  throw new Fault('engine-failed', { reason: lastWords(options.logPath) ?? 'it does not answer' });
}

/** Null where no engine answers. A socket that nobody listens at was left by one that was killed. */
export async function openControl(path: string): Promise<Engine | null> {
  try {
    return await Engine.open(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ECONNREFUSED') rmSync(path, { force: true });
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return null;
    throw new Fault('engine-failed', { reason: 'another engine answers wrongly' }, cause);
  }
}

/** A session of its own, so that what ends the daemon does not reach it. Our environment is none of its business. */
function launch({ binary, logPath }: EngineProcess, argv: string[]): ChildProcess {
  try {
    accessSync(binary, constants.X_OK);
  } catch (cause) {
    throw new Fault('engine-missing', { path: binary }, cause);
  }
  const isLarge = (statSync(logPath, { throwIfNoEntry: false })?.size ?? 0) > LARGE_LOG_BYTES;
  const log = openSync(logPath, isLarge ? 'w' : 'a', 0o600);
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
function lastWords(logPath: string): string | undefined {
  const lines = readFileSync(logPath).subarray(-2000).toString('utf8').trim().split('\n');
  return lines.at(-1) || undefined;
}
