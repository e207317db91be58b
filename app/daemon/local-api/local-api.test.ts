/** Who may call what, what comes back, and what watchers are told. */
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Fault } from '../../contract/problem.ts';
import { ApiScene, bodyOf, status } from './api-scene.ts';
import { CALLS, type CallName } from './calls.ts';
import { findGroup, listenOnSocket } from './unix-socket.ts';

let scene: ApiScene;

beforeEach(async () => {
  scene = await ApiScene.open();
});
afterEach(async () => {
  await scene.close();
});

describe('who may call what', () => {
  const matrix = (Object.keys(CALLS) as CallName[]).flatMap((name) =>
    [0, 1000].map((uid) => ({ name, uid, isAllowed: CALLS[name].who === 'group' || uid === 0 })),
  );

  test.each(matrix)(
    '$name by uid $uid: allowed is $isAllowed',
    async ({ name, uid, isAllowed }) => {
      scene.caller = { uid, gid: uid, pid: 1 };

      const answer = await scene.call(CALLS[name].method, CALLS[name].path, bodyOf(name));

      expect(answer.status).toBe(isAllowed ? 200 : 403);
      expect(scene.handlers[name]).toHaveBeenCalledTimes(isAllowed ? 1 : 0);
      if (isAllowed) expect(vi.mocked(scene.handlers[name]).mock.calls[0]?.[1]).toBe(uid);
      else expect(answer.json).toEqual({ problem: { code: 'root-only', detail: {} } });
    },
  );

  test('a caller whom the kernel does not name gets no answer at all', async () => {
    scene.caller = null;

    await expect(scene.call('GET', '/v1/status')).rejects.toThrow(
      /socket hang up|ECONNRESET|EPIPE/,
    );
    expect(scene.handlers.status).not.toHaveBeenCalled();
  });

  test('only the owner and the group can reach the socket, and it was never wider', () => {
    expect(statSync(scene.path).mode & 0o777).toBe(0o660);
    expect(statSync(join(scene.folder, 'run')).mode & 0o777).toBe(0o750);
  });

  test.runIf(process.getuid?.() === 0)('a stranger cannot even connect', async () => {
    const stranger = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const curl = [
      'curl',
      '-sS',
      '--max-time',
      '2',
      '--unix-socket',
      scene.path,
      'http://localhost/v1/status',
    ];
    // Not the synchronous form: the server under test lives in this very process.
    const ask = promisify(execFile)('setpriv', [...stranger, ...curl]);

    await expect(ask).rejects.toThrow(/Permission denied|Couldn't connect|Could not connect/);
    expect(scene.handlers.status).not.toHaveBeenCalled();
  });

  test('a second daemon leaves the first one its socket', async () => {
    const second = scene.build();
    await second.ready();

    await expect(
      listenOnSocket(second.server, { path: scene.path, groupId: null }),
    ).rejects.toMatchObject({
      code: 'already-running',
    });
    expect((await scene.call('GET', '/v1/status')).status).toBe(200);
    await second.close();
  });

  test('the group is found by its name, and a group that only begins like it is not', () => {
    expect(findGroup('root')).toBe(0);
    expect(findGroup('roo')).toBeNull();
  });
});

describe('faults', () => {
  test('a fault keeps its code and blanks', async () => {
    vi.mocked(scene.handlers.startLogin).mockRejectedValue(
      new Fault('gateway-unreachable', { gateway: 'g', reason: 'r' }),
    );

    expect(
      await scene.call('POST', '/v1/login/start', { link: 'g', redirectPort: 80 }),
    ).toMatchObject({
      status: 502,
      json: { problem: { code: 'gateway-unreachable', detail: { gateway: 'g', reason: 'r' } } },
    });
  });

  test('anything else is unexpected, without a stack', async () => {
    vi.mocked(scene.handlers.up).mockRejectedValue(new TypeError('x is undefined'));

    const answer = await scene.call('POST', '/v1/up', {});

    expect(answer).toMatchObject({ status: 500, json: { problem: { code: 'unexpected' } } });
    expect(JSON.stringify(answer.json)).not.toContain('local-api');
  });
});

describe('events', () => {
  test('the status comes at once and on each change', async () => {
    const stream = await scene.openEvents();

    expect(await stream.next()).toContain('"wanted":"off"');
    scene.tell({ ...status(), wanted: 'on' });
    expect(await stream.next()).toContain('"wanted":"on"');
    stream.close();
  });

  test('one user may watch sixteen times, and others still can', async () => {
    const streams = [];
    for (let count = 0; count < 16; count++) streams.push(await scene.openEvents());

    expect(await scene.call('GET', '/v1/events')).toMatchObject({
      status: 429,
      json: { problem: { code: 'too-many' } },
    });
    scene.caller = { uid: 1001, gid: 1, pid: 1 };
    streams.push(await scene.openEvents());
    for (const stream of streams) stream.close();
  });
});
