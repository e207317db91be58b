/** Runs one program to its end: by absolute path, without a shell, without our environment. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, existsSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

export interface Ran {
  status: number;
  stdout: string;
  stderr: string;
}

/** Never rejects: a refusal is an answer. */
export type Run = (program: 'ip' | 'wg', argv: readonly string[], input?: string) => Promise<Ran>;

const FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];
const PATIENCE_MS = 10_000;

export const runProgram: Run = async (program, argv, input) => {
  const stdin = input === undefined ? 'ignore' : namelessFile(input);
  try {
    const child = spawn(locate(program) ?? program, argv, {
      env: { LC_ALL: 'C', PATH: FOLDERS.join(':') },
      cwd: '/',
      timeout: PATIENCE_MS,
      stdio: [stdin, 'pipe', 'pipe'],
    });
    const ended = new Promise<number>((resolve) => {
      child.once('error', () => resolve(-1));
      child.once('close', (code) => resolve(code ?? -1));
    });
    const [status, stdout, stderr] = await Promise.all([
      ended,
      read(child.stdout),
      read(child.stderr),
    ]);
    return { status, stdout, stderr };
  } finally {
    if (typeof stdin === 'number') closeSync(stdin);
  }
};

async function read(stream: Readable | null): Promise<string> {
  return stream ? await text(stream) : '';
}

export function locate(program: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/**
 * `wg` opens /dev/stdin by name, which Node's own pipes (sockets, really) do not allow. So secrets go through a file in
 * memory that loses its name before anything is written to it.
 */
function namelessFile(content: string): number {
  const path = join('/run', `.culvert-${randomBytes(12).toString('hex')}`);
  const exclusive = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const descriptor = openSync(path, exclusive, 0o600);
  rmSync(path);
  writeSync(descriptor, content);
  return descriptor;
}
