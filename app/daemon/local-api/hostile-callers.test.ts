/** Callers who do not want an answer: storms of connections, thousands of requests at once, files passed along. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { status } from './api-scene.ts';
import type { Handlers } from './calls.ts';
import { buildLocalApi } from './local-api.ts';
import { listenOnSocket } from './unix-socket.ts';

const run = promisify(execFile);
const REQUEST = 'GET /v1/status HTTP/1.1\r\nhost: culvertd\r\n\r\n';
const STORM = 10_000;

let folder: string;
let path: string;
let app: FastifyInstance;
let uid: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-hostile-'));
  path = join(folder, 'run', 'culvertd.sock');
  uid = 1000;
  app = buildLocalApi({
    handlers: { status, watch: () => () => undefined } as unknown as Handlers,
    credentialsOf: () => ({ uid, gid: uid, pid: 1 }),
    log: { debug: () => undefined, warn: () => undefined },
  });
  await app.ready();
  await listenOnSocket(app.server, { path, groupId: null });
});
afterEach(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

test('ten thousand callers who come and go leave no descriptor behind', {
  timeout: 60_000,
}, async () => {
  expect(await askOnce()).toBe(200);
  const before = descriptors();

  for (let count = 0; count < STORM; count += 50) {
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => visit(index % 2 === 0 ? '' : 'GET /v1/st')),
    );
  }

  expect(await askOnce()).toBe(200);
  await until(() => descriptors() <= before + 2);
});

test('who holds all the connections that he gets keeps nobody else out', async () => {
  const held = await Promise.all(Array.from({ length: 300 }, () => hold()));

  await until(() => held.filter((socket) => !socket.destroyed).length === 64);
  uid = 1001;
  expect(await askOnce()).toBe(200);
  for (const socket of held) socket.destroy();
});

test('ten thousand requests in one piece are answered, each, in order', {
  timeout: 60_000,
}, async () => {
  const rss = process.memoryUsage().rss;

  const answered = await pipeline(STORM);

  expect(answered).toBe(STORM);
  expect(await askOnce()).toBe(200);
  expect(process.memoryUsage().rss - rss).toBeLessThan(300 * 1024 * 1024);
});

test('who sends and never reads is not answered without end', { timeout: 60_000 }, async () => {
  const rss = process.memoryUsage().rss;
  const socket = connect(path);
  socket.on('error', () => undefined);
  socket.pause();
  socket.write(REQUEST.repeat(20_000));

  expect(await askOnce()).toBe(200);
  expect(process.memoryUsage().rss - rss).toBeLessThan(300 * 1024 * 1024);
  socket.destroy();
});

test('files that are passed along are not taken', { timeout: 60_000 }, async () => {
  const program = buildPasser();
  expect(await askOnce()).toBe(200);
  const before = descriptors();

  const { stdout } = await run(program, [path]);

  expect(stdout).toMatch(/^HTTP\/1\.1 200 OK/);
  await until(() => descriptors() <= before + 2);
});

function askOnce(): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath: path, path: '/v1/status', headers: { host: 'culvertd' }, agent: false },
      (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode ?? 0));
      },
    );
    sent.once('error', reject);
    sent.end();
  });
}

function visit(bytes: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      if (bytes) socket.write(bytes);
      socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
  });
}

function hold() {
  const socket = connect(path);
  socket.on('error', () => undefined);
  return new Promise<typeof socket>((resolve) => {
    socket.once('connect', () => resolve(socket));
    socket.once('close', () => resolve(socket));
    socket.resume();
  });
}

function pipeline(count: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(REQUEST.repeat(count)));
    let answered = 0;
    let rest = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      const parts = (rest + text).split('HTTP/1.1 200 OK');
      answered += parts.length - 1;
      rest = parts.at(-1)?.slice(-15) ?? '';
      if (answered >= count) socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(answered));
  });
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

async function until(isSo: () => boolean): Promise<void> {
  await expect.poll(isSo, { timeout: 10_000 }).toBe(true);
}

/** Node cannot pass files to a stranger; thirty lines of C can: a hundred of them, with a request. */
function buildPasser(): string {
  const program = join(folder, 'passer');
  writeFileSync(`${program}.c`, PASSER);
  execFileSync('cc', ['-o', program, `${program}.c`]);
  return program;
}

const PASSER = `
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(int count, char **words) {
  struct sockaddr_un place = {.sun_family = AF_UNIX};
  strncpy(place.sun_path, words[1], sizeof place.sun_path - 1);
  int door = socket(AF_UNIX, SOCK_STREAM, 0), files[100];
  if (connect(door, (struct sockaddr *)&place, sizeof place) != 0) return 1;
  for (int i = 0; i < 100; i++) files[i] = open("/dev/null", O_RDONLY);
  char text[] = "GET /v1/status HTTP/1.1\\r\\nhost: culvertd\\r\\nconnection: close\\r\\n\\r\\n";
  char control[CMSG_SPACE(sizeof files)] = {0};
  struct iovec piece = {text, sizeof text - 1};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(sizeof files);
  memcpy(CMSG_DATA(head), files, sizeof files);
  if (sendmsg(door, &message, 0) < 0) return 2;
  char answer[4096];
  for (ssize_t got; (got = read(door, answer, sizeof answer)) > 0;) fwrite(answer, 1, got, stdout);
  return 0;
}
`;
