/** The gateway's one directory. Nobody but its own user may read it, and a directory that others can write is refused. */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault } from '../http/fault.ts';

const OTHERS_MAY_WRITE = 0o022;

export interface DataDirectory {
  path: string;
  file(name: string): string;
}

export function openDataDirectory(path: string): DataDirectory {
  // SQLite makes its journals by itself, with the process's mask.
  process.umask(0o077);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    refuseOthers(path);
    chmodSync(path, 0o700);
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault(
      'data-directory',
      `The data directory ${path} cannot be made or used by this user. Choose another with --data.`,
      cause,
    );
  }
  return { path, file: (name) => join(path, name) };
}

function refuseOthers(path: string): void {
  const { mode } = statSync(path);
  if ((mode & OTHERS_MAY_WRITE) === 0) return;
  throw new Fault(
    'data-directory-open',
    `Others may write to ${path}, so what is in it cannot be trusted. Check its files, then run: chmod 700 ${path}`,
  );
}

export function readPrivateFile(path: string): Buffer | undefined {
  if (!existsSync(path)) return undefined;
  refuseOthers(path);
  return readFileSync(path);
}

/** Whole or not at all, also at a power cut. */
export function writePrivateFile(path: string, content: string | Uint8Array): void {
  const draft = `${path}.new`;
  writeFileSync(draft, content, { mode: 0o600, flush: true });
  renameSync(draft, path);
  syncDirectory(dirname(path));
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
