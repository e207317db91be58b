import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadPeercred } from './peercred.ts';

let folder: string;
let server: Server;
let caller: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'peercred-'));
  server = createServer();
});

afterEach(() => {
  caller?.kill();
  server.close();
  rmSync(folder, { recursive: true });
});

test('a caller is known by its process, user and group', async () => {
  const socket = await callFromAnotherProcess();

  const credentials = loadPeercred().peerCredentials(descriptorOf(socket));

  expect(credentials).toEqual({
    pid: caller?.pid,
    uid: process.getuid?.(),
    gid: process.getgid?.(),
  });
  socket.destroy();
});

test('what is no connected socket is refused', () => {
  const addon = loadPeercred();
  const file = openSync(join(folder, 'file'), 'w');

  for (const descriptor of [-1, 99_999, file])
    expect(() => addon.peerCredentials(descriptor)).toThrow(
      `the other end of descriptor ${descriptor} can not be told`,
    );
});

test('a pipe is read until its reader goes; a file and what is not open always count as read', async () => {
  const addon = loadPeercred();
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(pipe, constants.O_WRONLY);

  expect(addon.isUnread(writer)).toBe(false);
  closeSync(reader);

  expect(addon.isUnread(writer)).toBe(true);
  for (const other of [99_999, openSync(join(folder, 'file'), 'w')])
    expect(addon.isUnread(other)).toBe(false);
});

test('an addon that is missing or is something else says so in one sentence', () => {
  const other = join(folder, 'other.node');
  writeFileSync(other, 'not a library');

  expect(() => loadPeercred([join(folder, 'absent')])).toThrow(/missing: build it as/);
  expect(() => loadPeercred([other])).toThrow(`The addon ${other} does not load into Node`);
});

function callFromAnotherProcess(): Promise<Socket> {
  const path = join(folder, 'socket');
  return new Promise((resolve) => {
    server.once('connection', resolve);
    server.listen(path, () => {
      const script = `require('node:net').connect(${JSON.stringify(path)})`;
      caller = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
    });
  });
}

/** Node keeps it private, and has no other way to it. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}
