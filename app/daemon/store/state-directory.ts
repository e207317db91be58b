/** The directory that holds the state: root's alone. */
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { Fault, reasonOf } from '../../contract/problem.ts';

export function prepareStateDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new Fault('state-unwritable', { file: path, reason: reasonOf(cause) }, cause);
  }
  const stats = lstatSync(path);
  if (!stats.isDirectory())
    throw new Fault('state-unsafe', { file: path, reason: 'it is not a directory' });
  if (stats.uid !== process.getuid?.()) {
    throw new Fault('state-unsafe', { file: path, reason: `it belongs to user ${stats.uid}` });
  }
  if ((stats.mode & 0o022) !== 0) {
    throw new Fault('state-unsafe', { file: path, reason: 'others may write to it' });
  }
  // Reading is not tampering, so that is simply closed.
  if ((stats.mode & 0o077) !== 0) chmodSync(path, 0o700);
}
