/** The one door to this computer's network: programs by absolute path without a shell, and the kernel's own files. */
import { execFile } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

export type Program = 'ip' | 'nft';

export interface KernelHost {
  /** Standard output; rejects with the program's first complaint. */
  run(program: Program, argv: readonly string[], input?: string): Promise<string>;
  has(program: Program): boolean;
  /** Of a file of the kernel, without the closing line break; undefined where it has none. */
  read(path: string): string | undefined;
  list(path: string): string[];
  /** A file below /proc/sys. */
  write(path: string, value: string): void;
  canOpen(path: string): boolean;
}

/** The places of every distribution; PATH is somebody else's choice. */
const FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];
const PATIENCE_MS = 20_000;

export const thisHost: KernelHost = {
  run: runProgram,
  has: (program) => locate(program) !== undefined,
  read(path) {
    try {
      return readFileSync(path, 'utf8').trimEnd();
    } catch {
      return undefined;
    }
  },
  list: (path) => (existsSync(path) ? readdirSync(path) : []),
  write: (path, value) => writeFileSync(path, value),
  canOpen: (path) => isAccessible(path, constants.R_OK | constants.W_OK),
};

function runProgram(program: Program, argv: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      env: { LC_ALL: 'C', PATH: FOLDERS.join(':') },
      cwd: '/',
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL' as const,
      maxBuffer: 64 * 1024 * 1024,
    };
    const child = execFile(locate(program) ?? program, argv, options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program}: ${firstLine(stderr) || error.message}`));
      else resolve(stdout);
    });
    // A program that ends before it has read everything is an answer too, in its exit status.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}

function locate(program: Program): string | undefined {
  const paths = FOLDERS.map((folder) => join(folder, program));
  return paths.find((path) => isAccessible(path, constants.X_OK));
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
