/** The last chapter: files that a bad disk has damaged, on the device, the connector and the gateway. */
import { expect, test } from 'vitest';
import { eventually } from '../../lab/eventually.ts';
import { beginGateway, launchGateway } from '../../world/gateway.ts';
import { hostState } from '../../world/host-state.ts';
import { people } from '../../world/provider.ts';
import { SECOND_SAYS } from '../../world/world.ts';
import { CONNECTOR, GATEWAY_DATA, reachesSecond, scene, told, toldByEnd } from './scene.ts';

test.for([
  ['snapshot.json', 'the configuration is fetched again', 'On '],
  ['wanted.json', 'the switch counts as on, so that nothing private leaves unprotected', 'On '],
] as const)('culvertd’s %s is damaged', async ([name, consequence, state]) => {
  await damageDeviceFile(name);

  await scene.device.restart();

  await eventually(async () => {
    const status = await scene.device.culvert(['status']);
    expect(status).toMatch(new RegExp(`^${state}`));
    expect(status.replaceAll(/damaged-\w+/g, 'damaged-…')).toContain(
      `The file /var/lib/culvert/${name} was damaged. It was kept as /var/lib/culvert/${name}.damaged-…; ${consequence}.`,
    );
  });
  expect(await eventually(reachesSecond)).toBe(SECOND_SAYS);
});

test('culvertd’s undo ledger is damaged: told, and everything is still taken back', async () => {
  await damageDeviceFile('ledger.json');

  await scene.device.restart();

  expect(await eventually(reachesSecond)).toBe(SECOND_SAYS);
  expect(await scene.device.culvert(['status'])).toContain(
    'The list of what Culvert changed on this computer was damaged',
  );
  await scene.device.culvert(['down']);
  // What this was before stood in the file. The stricter value stays: nobody may lower it for a guess.
  await scene.laptop.run(['sysctl', '-qw', 'net.ipv4.conf.all.arp_ignore=0']);
  expect(await hostState(scene.laptop)).toBe(scene.stateBefore);
  await scene.device.culvert(['up', '--wait']);
});

test('culvertd’s keys are damaged: private stays protected, and signing in again brings it back', async () => {
  await damageDeviceFile('identity.json');

  await scene.device.restart();

  const { stdout: status } = await scene.device.tryCulvert(['status']);
  expect(status).toContain('Needs sign-in');
  expect(status).toContain('; sign in again.');
  expect((await scene.laptop.try(['ip', 'route', 'get', '192.168.0.20'])).stdout).not.toContain(
    'wlan0',
  );
  await scene.device.signIn(scene.world.browser, scene.world.gateway.joinLink, people.alice);
  expect(await eventually(reachesSecond)).toBe(SECOND_SAYS);
});

test('the connector’s file is damaged: exit code 78, and nothing is changed', async () => {
  const folder = '/var/lib/culvert-connector';
  await scene.server.sh(`cp -a ${folder} /tmp/copy; echo '{' >/tmp/copy/connector.json`);

  const end = await scene.server.try([CONNECTOR, 'run', '--state', '/tmp/copy'], {
    user: 'culvert-connector',
  });

  expect(told(end)).toEqual({
    code: 78,
    said: 'culvert-connector: /tmp/copy/connector.json is damaged. Nothing was changed: restore it from a backup, or move it away and join again with a new token.\n',
  });
  expect(await scene.server.read('/tmp/copy/connector.json')).toBe('{\n');
});

test('the gateway’s database is damaged: exit code 78, and nothing is changed', async () => {
  await scene.gateway.stop();
  const file = `${GATEWAY_DATA}/culvert.db`;
  await scene.gatewayHost.sh(`mkdir /tmp/kept; mv ${file}* /tmp/kept; head -c 100000 /dev/urandom >${file}
    chown culvert-gateway ${file}; chmod 600 ${file}; sha256sum ${file} >/tmp/sum`);

  const end = await toldByEnd(beginGateway(scene.gatewayHost, scene.world.provider));

  expect(end).toEqual({
    code: 78,
    said: `culvert-gateway: The database ${file} is damaged (file is not a database). Nothing was changed: put a backup in its place, then start again.\n`,
  });
  await scene.gatewayHost.run(['sha256sum', '-c', '/tmp/sum']);
  await scene.gatewayHost.sh(`rm -f ${file}*; mv /tmp/kept/* ${GATEWAY_DATA}`);
  scene.gateway = await launchGateway(scene.gatewayHost, scene.world.provider);
  expect(await eventually(reachesSecond, 40_000)).toBe(SECOND_SAYS);
}, 100_000);

/** A flipped bit in the middle, as a bad disk makes it, while the daemon is away. */
async function damageDeviceFile(name: string): Promise<void> {
  await scene.device.daemon.stop('SIGTERM');
  const path = `/var/lib/culvert/${name}`;
  const text = await scene.laptop.read(path);
  const middle = Math.floor(text.length / 2);
  const flipped = String.fromCharCode(text.charCodeAt(middle) ^ 1);
  await scene.laptop.write(path, text.slice(0, middle) + flipped + text.slice(middle + 1), 0o600);
}
