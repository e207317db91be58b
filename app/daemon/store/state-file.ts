/**
 * One state file: JSON with a version and a checksum, replaced whole. After a power cut at any moment the old content or
 * the new one is there, never neither and never a mixture; a flipped bit is noticed, not believed.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Fault, reasonOf } from '../../contract/problem.ts';

export interface StateFormat<T> {
  /** File name inside the state directory. */
  name: string;
  version: number;
  schema: z.ZodType<T>;
  /** `migrations[n]` turns version n + 1 into n + 2. Frozen once released. */
  migrations: readonly ((older: unknown) => unknown)[];
}

export type StateRead<T> =
  | { kind: 'present'; value: T }
  | { kind: 'missing' }
  | { kind: 'corrupt'; reason: string }
  | { kind: 'unsafe'; reason: string }
  | { kind: 'newer'; version: number };

const Envelope = z.strictObject({
  version: z.number().int().min(1),
  check: z.string(),
  data: z.unknown(),
});

/** Two largest snapshots and some room: nothing here is ever that large unless somebody tampered. */
const MAX_STATE_BYTES = 24 * 1024 * 1024;

export function readStateFile<T>(directory: string, format: StateFormat<T>): StateRead<T> {
  const opened = readSafely(join(directory, format.name));
  if (opened.kind !== 'text') return opened;
  const envelope = Envelope.safeParse(parse(opened.text));
  if (!envelope.success) return { kind: 'corrupt', reason: 'it is not a whole state file' };
  const { version, check, data } = envelope.data;
  if (check !== checksum(version, data)) return { kind: 'corrupt', reason: 'its checksum differs' };
  if (version > format.version) return { kind: 'newer', version };
  const value = format.schema.safeParse(migrate(data, version, format));
  if (!value.success) return { kind: 'corrupt', reason: z.prettifyError(value.error) };
  return { kind: 'present', value: value.data };
}

export function writeStateFile<T>(directory: string, format: StateFormat<T>, value: T): void {
  const target = join(directory, format.name);
  const temporary = `${target}.new`;
  const text = JSON.stringify({
    version: format.version,
    check: checksum(format.version, value),
    data: value,
  });
  try {
    writeDurably(temporary, `${text}\n`);
    renameSync(temporary, target);
    syncDirectory(directory);
  } catch (cause) {
    throw new Fault('state-unwritable', { file: target, reason: reasonOf(cause) }, cause);
  }
}

export function removeStateFile(directory: string, name: string): void {
  rmSync(join(directory, name), { force: true });
  syncDirectory(directory);
}

/** Keeps a damaged file beside the good ones for whoever wants to look; answers its new name. */
export function setAside(directory: string, name: string, now: number): string {
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const kept = join(directory, `${name}.damaged-${stamp}`);
  renameSync(join(directory, name), kept);
  syncDirectory(directory);
  return kept;
}

type Opened =
  | { kind: 'text'; text: string }
  | Exclude<StateRead<never>, { kind: 'present' | 'newer' }>;

function readSafely(path: string): Opened {
  let descriptor: number;
  try {
    // O_NOFOLLOW: a symbolic link is nobody's state. O_NONBLOCK: a FIFO must not hang the start.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return { kind: 'missing' };
    const reason = codeOf(cause) === 'ELOOP' ? 'it is a symbolic link' : reasonOf(cause);
    return { kind: 'unsafe', reason };
  }
  try {
    const doubt = doubtAbout(fstatSync(descriptor));
    if (doubt) return doubt;
    return { kind: 'text', text: readFileSync(descriptor, 'utf8') };
  } catch (cause) {
    return { kind: 'corrupt', reason: reasonOf(cause) };
  } finally {
    closeSync(descriptor);
  }
}

function doubtAbout(stats: Stats): Opened | undefined {
  if (!stats.isFile()) return { kind: 'unsafe', reason: 'it is not a regular file' };
  if (stats.uid !== process.getuid?.())
    return { kind: 'unsafe', reason: `it belongs to user ${stats.uid}` };
  if ((stats.mode & 0o022) !== 0) return { kind: 'unsafe', reason: 'others may write to it' };
  if (stats.size > MAX_STATE_BYTES)
    return { kind: 'corrupt', reason: `it has ${stats.size} bytes` };
  return undefined;
}

function migrate<T>(data: unknown, version: number, format: StateFormat<T>): unknown {
  return format.migrations.slice(version - 1).reduce((older, step) => step(older), data);
}

/** Over the text that JSON.parse and JSON.stringify agree on: key order is kept by both. */
function checksum(version: number, data: unknown): string {
  return createHash('sha256')
    .update(`${version}\n${JSON.stringify(data)}`)
    .digest('base64url');
}

function writeDurably(path: string, text: string): void {
  rmSync(path, { force: true });
  const descriptor = openSync(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
    0o600,
  );
  try {
    // The umask of whoever started us must not decide.
    fchmodSync(descriptor, 0o600);
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}
