/** Binds the socket so that at no moment anybody else than root and the group can reach it (T22). */
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { Fault, reasonOf } from '../../contract/problem.ts';

export interface SocketPlace {
  path: string;
  /** Group that may use it; null leaves it to the owner alone. */
  groupId: number | null;
}

export async function listenOnSocket(server: Server, place: SocketPlace): Promise<void> {
  prepareDirectory(place);
  await removeStale(place.path);
  await bind(server, place.path);
  // 0660 belongs to our own group until here, so the hand-over only ever widens to the one group.
  if (place.groupId !== null) chownSync(place.path, -1, place.groupId);
}

/** The id of a group by name, from /etc/group; null where there is none. */
export function findGroup(name: string, file = '/etc/group'): number | null {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}:`));
  const id = Number(line?.split(':')[2] ?? Number.NaN);
  return Number.isInteger(id) ? id : null;
}

function prepareDirectory(place: SocketPlace): void {
  const directory = dirname(place.path);
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  const stats = lstatSync(directory);
  if (!stats.isDirectory() || stats.uid !== process.getuid?.()) {
    throw new Fault('socket-refused', {
      socket: place.path,
      reason: `${directory} is not its own directory`,
    });
  }
  chmodSync(directory, 0o750);
  if (place.groupId !== null) chownSync(directory, -1, place.groupId);
}

/** What a killed daemon left is in the way; what a living one serves is not ours. */
async function removeStale(path: string): Promise<void> {
  if (await isServed(path)) throw new Fault('already-running', { socket: path });
  rmSync(path, { force: true });
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error): void =>
      reject(new Fault('socket-refused', { socket: path, reason: reasonOf(cause) }, cause));
    server.once('error', refuse);
    // bind() happens inside listen(), before it returns: the mask has to hold for exactly that long.
    const before = process.umask(0o117);
    try {
      server.listen(path, () => {
        server.removeListener('error', refuse);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}
