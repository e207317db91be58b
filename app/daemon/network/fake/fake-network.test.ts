import { expect, test } from 'vitest';
import { samplePlan } from '../test-plan.ts';
import { FakeNetwork } from './fake-network.ts';

const plan = {
  ...samplePlan,
  routes: [{ cidr: '192.168.0.0/24', path: 'tunnel', because: { kind: 'default' } }] as const,
};

test('routes answer as they would on a real computer: refused while protected, into the tunnel while connected', async () => {
  const network = new FakeNetwork();

  await network.protect(plan);
  expect((await network.routeTo('192.168.0.9')).kind).toBe('refused');
  expect(await network.routeTo('1.1.1.1')).toMatchObject({ interface: 'wlan0' });
  await network.connect(plan);
  expect(await network.routeTo('192.168.0.9')).toMatchObject({
    interface: 'culvert0',
    table: 5182,
  });
  await network.disconnect();
  expect(await network.isProtected()).toBe(true);
  expect(await network.release()).toEqual(['protection']);
});

test('a call that is told to fail fails until it is told otherwise', async () => {
  const network = new FakeNetwork();
  network.fail('protect', 'no nftables here');

  await expect(network.protect(plan)).rejects.toMatchObject({ code: 'network-refused' });
  network.fail('protect');
  await network.protect(plan);

  expect(network.calls).toEqual(['protect 2', 'protect 2']);
});

test('roaming and flushing are told to whoever watches', () => {
  const network = new FakeNetwork();
  const told: string[] = [];
  const stop = network.watch({
    networkChanged: () => told.push('network'),
    protectionTouched: () => told.push('protection'),
  });

  network.roam([]);
  network.flush();
  stop();
  network.flush();

  expect(told).toEqual(['network', 'protection']);
});
