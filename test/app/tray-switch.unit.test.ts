/**
 * What the tray app shows of a wish from the click until culvertd has it, and of one that culvertd refuses: its own parts and a
 * real local API, whose daemon does what a test says.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LocalClient } from '../../app/client/client.ts';
import type { Status } from '../../app/contract/local-api.ts';
import { Fault, problem } from '../../app/contract/problem.ts';
import { ApiScene, status } from '../../app/daemon/local-api/api-scene.ts';
import type { View } from '../../app/desktop/ipc/channels.ts';
import { Switch } from '../../app/desktop/main/switch.ts';
import { ViewSource } from '../../app/desktop/main/view-source.ts';

const DISK_FULL = { file: '/var/lib/culvert/wanted.json', reason: 'ENOSPC' };

let scene: ApiScene;
let client: LocalClient;
let source: ViewSource;
let tray: Switch;
let following: AbortController;
/** Each that was shown. */
let views: View[];

beforeEach(async () => {
  scene = await ApiScene.open();
  client = new LocalClient(scene.path);
  source = new ViewSource({ language: 'en', appearance: 'system', openAtLogin: false }, () => 'en');
  tray = new Switch(client, source);
  const seen: View[] = [];
  source.listen((view) => seen.push(view));
  views = seen;
  await follow();
});
afterEach(async () => {
  following.abort();
  await scene.close();
});

test('what culvertd refuses is taken back, with the reason', async () => {
  vi.mocked(scene.handlers.up).mockRejectedValue(new Fault('state-unwritable', DISK_FULL));

  tray.on();

  expect(wanted()).toBe('on');
  await expect.poll(() => source.view.refusal).toEqual(problem('state-unwritable', DISK_FULL));
  expect(wanted()).toBe('off');
});

test('what an older wish was refused with is no news once there is a newer one', async () => {
  vi.mocked(scene.handlers.up).mockRejectedValue(new Fault('state-unwritable', DISK_FULL));

  tray.on();
  tray.off();
  await called('down');
  await pause(100);

  expect(views.map(({ refusal }) => refusal)).toEqual(views.map(() => null));
  expect(wanted()).toBe('off');
});

test('a wish shows until culvertd’s events do, however late after its answer', async () => {
  const answered = Promise.withResolvers<void>();
  vi.mocked(scene.handlers.up).mockImplementation(async () => {
    setTimeout(() => answered.resolve(), 200);
    return wanting('on');
  });

  tray.on();
  await answered.promise;
  scene.tell(status());
  await pause(100);
  scene.tell(wanting('on'));
  await pause(2500);

  expect(shown()).toEqual(['off', 'on']);
});

test('an answer that is older than an event does not take its place', async () => {
  vi.mocked(scene.handlers.up).mockImplementation(async () => {
    // Somebody else, on the command line, before the answer is out.
    scene.tell(status());
    await pause(200);
    return wanting('on');
  });

  tray.on();

  await expect.poll(wanted).toBe('off');
  expect(shown()).toEqual(['off', 'on', 'off']);
});

test('a wish that was taken while no event came through gives way to what comes then', async () => {
  following.abort();
  tray.on();
  await called('up');
  source.setStatus(null, problem('daemon-gone'));

  await follow();

  await expect.poll(wanted).toBe('off');
});

test('signing out waits for what was asked before it, and is the newest wish then', async () => {
  const held = Promise.withResolvers<Status>();
  vi.mocked(scene.handlers.up).mockReturnValue(held.promise);

  tray.on();
  tray.signOut();
  await called('up');
  await pause(200);
  const before = vi.mocked(scene.handlers.logout).mock.calls.length;
  held.reject(new Fault('state-unwritable', DISK_FULL));
  await called('logout');

  expect(before).toBe(0);
  expect(source.view.refusal).toBeNull();
  await expect.poll(wanted).toBe('off');
});

/** Until the first status. */
async function follow(): Promise<void> {
  following = new AbortController();
  const first = Promise.withResolvers<void>();
  client.follow((told, why) => {
    source.setStatus(told, why);
    first.resolve();
  }, following.signal);
  await first.promise;
}

async function called(name: 'up' | 'down' | 'logout'): Promise<void> {
  await expect.poll(() => vi.mocked(scene.handlers[name]).mock.calls.length).toBe(1);
}

function wanting(wanted: Status['wanted']): Status {
  return { ...status(), wanted };
}

function wanted(): Status['wanted'] | undefined {
  return source.view.status?.wanted;
}

/** What the switch was at, one after another. */
function shown(): unknown[] {
  const each = views.map((view) => view.status?.wanted);
  return each.filter((value, index) => value !== undefined && value !== each[index - 1]);
}
