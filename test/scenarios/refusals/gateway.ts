/** The fourth chapter: a gateway that is away, cannot have its ports, or is another one. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { eventually } from '../../lab/eventually.ts';
import { beginGateway, launchGateway } from '../../world/gateway.ts';
import { GATEWAY_URL } from '../../world/provider.ts';
import { SECOND_SAYS } from '../../world/world.ts';
import { CONNECTOR, reachesSecond, scene, told, toldByEnd } from './scene.ts';

test('the gateway is away: signing in says so, what is on stays on', async () => {
  scene.spare = await scene.administrator.connectorLine(scene.network.id);
  await scene.gateway.stop();

  const login = await scene.device.tryCulvert(['login']);
  const join = await scene.server.try([CONNECTOR, 'install', '--state', '/tmp/other'], {
    env: { CULVERT_CONNECTOR_TOKEN: scene.spare.token },
  });

  const why = `${GATEWAY_URL} cannot be reached: nothing listens at that port.`;
  expect(told(login)).toEqual({
    code: 6,
    said: `culvert: ${why} Check the address and your network.\n`,
  });
  expect(told(join)).toEqual({ code: 69, said: `culvert-connector: ${why}\n` });
  expect(await reachesSecond()).toBe(SECOND_SAYS);
});

test.for([
  ['HTTPS', ['-l', '-k', '-p', '8443'], 'Port 8443', '--port'],
  ['UDP', ['-u', '-l', '-p', '51820'], 'UDP port 51820', '--wireguard-port'],
] as const)('the gateway’s %s port is taken', async ([, argv, port, option]) => {
  await scene.gatewayHost.try(['sh', '-c', 'kill $(pidof culvert-engine)']);
  await eventually(async () =>
    expect((await scene.gatewayHost.run(['ss', '-Hlun'])).trim()).toBe(''),
  );
  const other = scene.gatewayHost.start('another program', ['nc', ...argv]);
  await eventually(async () =>
    expect(await scene.gatewayHost.run(['ss', '-Hlntu'])).toContain(`:${argv.at(-1)} `),
  );

  const end = await toldByEnd(beginGateway(scene.gatewayHost, scene.world.provider));

  await other.stop();
  expect(end).toEqual({
    code: 69,
    said: `culvert-gateway: ${port} is taken by another program. Stop it, or choose another port with ${option}.\n`,
  });
});

test('another gateway at the same name, with another organisation’s key', async () => {
  const impostor = await launchGateway(scene.gatewayHost, scene.world.provider, [
    '--data',
    '/var/lib/culvert-gateway/other',
  ]);

  const [fresh, again] = [
    await scene.laptop.try(['culvert', 'login', scene.world.gateway.joinLink, '--no-browser'], {
      user: 'alice',
    }),
    await scene.device.tryCulvert(['login']),
  ];
  const join = await scene.server.try([CONNECTOR, 'install', '--state', '/tmp/other'], {
    env: { CULVERT_CONNECTOR_TOKEN: scene.spare.token },
  });
  await pause(1000);
  const status = await scene.device.culvert(['status']);
  await impostor.stop('SIGINT');

  const sentence = `culvert: ${GATEWAY_URL} is not the gateway that your sign-in link names: its organisation key is another one. Nothing was sent. Tell your administrator.\n`;
  expect([fresh, again].map(told)).toEqual([
    { code: 6, said: sentence },
    { code: 6, said: sentence },
  ]);
  expect(told(join).code).toBe(77);
  expect(told(join).said).toBe(
    'culvert-connector: This gateway belongs to another organisation than your link or token names. Nothing was sent to it. Ask your administrator.\n',
  );
  expect(status).toContain('Example Inc. as alice@example.com');
});

test('the right gateway is back: device and connector find it, and nothing was lost', async () => {
  scene.gateway = await launchGateway(scene.gatewayHost, scene.world.provider);

  expect(await eventually(reachesSecond, 40_000)).toBe(SECOND_SAYS);
  await eventually(
    async () => expect(await scene.device.culvert(['status'])).not.toMatch(/no news/i),
    40_000,
  );
}, 100_000);
