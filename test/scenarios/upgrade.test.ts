/**
 * Culvert is installed again, and at last removed, on a laptop whose tunnel is in use.
 *
 *   laptop ── home-router ── internet: gateway ── vpc-router ── server 192.168.0.10
 */
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import { eventually } from '../lab/eventually.ts';
import type { Host } from '../lab/host.ts';
import { lostPings } from '../lab/pings.ts';
import { buildConnectedWorld, type ConnectedWorld } from '../world/connected-world.ts';
import { runInstaller } from '../world/device.ts';
import { hostState } from '../world/host-state.ts';

let scene: ConnectedWorld;
let laptop: Host;

beforeAll(async () => {
  scene = await buildConnectedWorld();
  laptop = scene.device.host;
});
afterAll(async () => {
  await scene?.world.stop();
});
beforeEach(() => {
  onTestFailed(() => console.log(scene.world.lab.logs.slice(-20_000)));
});

test('installed again and started again, with not one packet in the tunnel lost', async () => {
  const { device } = scene;
  const engine = await device.enginePid();
  const lost = lostPings(laptop, '192.168.0.10', 400, 0.02);

  const said = await runInstaller(laptop, 'alice');
  await device.daemon.stop();
  await device.restart();
  await eventually(async () => expect(await device.culvert(['status'])).toMatch(/^On /));

  expect(said).toContain('Start it again; the tunnel stays up meanwhile.');
  expect(await lost).toEqual([]);
  expect(await device.enginePid()).toBe(engine);
});

test('`culvert repair` without a daemon takes back the engine too, and the next daemon is off', async () => {
  const { device } = scene;
  await device.killDaemon();

  const said = await laptop.run(['culvert', 'repair']);

  expect(said).toContain('taken back: device culvert0');
  expect(await hostState(laptop)).toBe(scene.stateBefore);
  await device.restart();
  expect(await device.culvert(['status'])).toMatch(/^Off /);
  await device.culvert(['up', '--wait']);
});

test('removed while it is on: routes, rules, engine and daemon are gone, and the organisation knows', async () => {
  await laptop.run(['/usr/lib/culvert/install.sh', '--uninstall']);

  expect(await hostState(laptop)).toBe(scene.stateBefore);
  expect(await laptop.sh('readlink /proc/[0-9]*/exe | grep -E "node|culvert" || true')).toBe('');
  expect((await laptop.try(['ls', '/var/lib/culvert', '/run/culvert'])).stdout).toBe('');
  expect(await scene.administrator.devices()).toEqual([]);
});
