/** The one door to the computer: programs by absolute path without a shell, and kernel settings as files. */
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Program = 'ip' | 'nft';

export interface Ran {
  /** Exit status; -1 when it was ended or could not be started. */
  status: number;
  stdout: string;
  stderr: string;
}

export interface LinuxHost {
  /** Never rejects: a refusal by the kernel is an answer. */
  run(program: Program, argv: readonly string[], input?: string): Promise<Ran>;
  /** Arguments and program for one that goes on running, such as a monitor. */
  command(program: Program, argv: readonly string[]): { file: string; argv: string[] };
  has(program: Program): boolean;
  /** `net/ipv4/conf/all/arp_ignore`; undefined where this kernel has none. */
  readSetting(key: string): Promise<string | undefined>;
  writeSetting(key: string, value: string): Promise<void>;
  hasTun(): boolean;
  hasIpv6(): boolean;
  isRoot(): boolean;
}

/** The places of every distribution; PATH is somebody else's choice. */
const FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];
/** Ten thousand routes take a tenth of a second. */
const PATIENCE_MS = 20_000;
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
/** Messages of the C locale, which is what we look for in them. */
export const PROGRAM_ENVIRONMENT = { LC_ALL: 'C', LANG: 'C', PATH: FOLDERS.join(':') };

export const thisHost: LinuxHost = {
  run(program, argv, input) {
    const { file, argv: all } = this.command(program, argv);
    return runFile(file, all, input);
  },
  command(program, argv) {
    return { file: locate(program) ?? program, argv: [...argv] };
  },
  has(program) {
    return locate(program) !== undefined;
  },
  async readSetting(key) {
    return existsSync(settingPath(key)) ? readFileSync(settingPath(key), 'utf8').trim() : undefined;
  },
  async writeSetting(key, value) {
    writeFileSync(settingPath(key), value);
  },
  hasTun() {
    return existsSync('/dev/net/tun');
  },
  hasIpv6() {
    return existsSync('/proc/net/if_inet6');
  },
  isRoot() {
    return process.getuid?.() === 0;
  },
};

export function runFile(file: string, argv: readonly string[], input?: string): Promise<Ran> {
  return new Promise((resolve) => {
    const options = {
      env: PROGRAM_ENVIRONMENT,
      cwd: '/',
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL' as const,
      maxBuffer: MAX_OUTPUT_BYTES,
    };
    const child = execFile(file, argv, options, (error, stdout, stderr) => {
      const status = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
      resolve({ status, stdout, stderr: stderr || (error?.message ?? '') });
    });
    // A program that ends before it has read everything is an answer too, in its exit status.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}

function locate(program: Program): string | undefined {
  return FOLDERS.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function settingPath(key: string): string {
  return join('/proc/sys', key);
}
