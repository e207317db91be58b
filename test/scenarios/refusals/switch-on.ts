/** The third chapter: switching on without rights, without a TUN device, without a way for UDP. */
import { expect, test } from 'vitest';
import { eventually } from '../../lab/eventually.ts';
import { hostState } from '../../world/host-state.ts';
import { SECOND_SAYS } from '../../world/world.ts';
import { reachesSecond, scene, told } from './scene.ts';

const ENGINE = '/opt/culvert/native/target/release/culvert-engine';
const DAEMON = '/opt/culvert/app/bin/culvertd';

test('not root: culvertd, the engine and repair', async () => {
  const alice = { user: 'alice' };
  const ends = await Promise.all([
    scene.laptop.try([DAEMON], alice),
    scene.laptop.try([ENGINE, 'device', 'culvert7'], alice),
    scene.laptop.try(['culvert', 'repair'], alice),
  ]);

  expect(ends.map(told)).toEqual([
    { code: 1, said: 'culvertd: culvertd has to run as root. Try “sudo culvertd”.\n' },
    {
      code: 1,
      said: 'culvert-engine: the socket /var/run/wireguard/culvert7.sock can not be made: no permission (run as root, or choose another folder)\n',
    },
    { code: 5, said: 'culvert: Only root may do this. Try it with sudo.\n' },
  ]);
});

test('a second culvertd', async () => {
  expect(told(await scene.laptop.try([DAEMON]))).toEqual({
    code: 1,
    said: 'culvertd: Another culvertd already serves /run/culvert/culvertd.sock. Stop it first.\n',
  });
});

test('no TUN device', async () => {
  scene.stateBefore = await hostState(scene.laptop);
  await scene.laptop.run(['mount', '-t', 'tmpfs', 'none', '/dev/net']);
  const engine = await scene.laptop.try([ENGINE, 'device', 'culvert7']);
  const end = await scene.device.tryCulvert(['up', '--wait', '8']);
  await scene.laptop.run(['umount', '/dev/net']);

  expect(told(engine)).toEqual({
    code: 1,
    said: 'culvert-engine: this host has no /dev/net/tun: load it with `modprobe tun`, or give it to the container (--device /dev/net/tun)\n',
  });
  expect(end.code).toBe(8);
  expect(end.stdout).toMatch(
    /^Can’t connect +Example Inc\..*\n +The tunnel could not start: this host has no \/dev\/net\/tun: load it with `modprobe tun`, or give it to the container/,
  );
  await scene.device.culvert(['up', '--wait']);
  expect(await reachesSecond()).toBe(SECOND_SAYS);
  await scene.device.culvert(['down']);
  expect(await hostState(scene.laptop)).toBe(scene.stateBefore);
});

test('UDP does not get through: said by name, and on by itself once it does', async () => {
  const router = scene.world.lab.host('home-router');
  await router.run(['nft', 'insert rule inet router forward udp dport 51820 drop']);

  const end = await scene.device.tryCulvert(['up', '--wait', '20']);

  expect(end.code).toBe(8);
  expect(end.stdout).toContain(
    'gateway does not answer at 203.0.113.10:51820. Trying the next way; check that UDP is not blocked.',
  );
  await router.sh(
    'nft delete rule inet router forward handle $(nft -a list chain inet router forward | sed -n "s/.*51820 drop # handle //p")',
  );
  expect(await eventually(reachesSecond)).toBe(SECOND_SAYS);
});
