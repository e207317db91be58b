/**
 * Who may reach what, and that nobody gets around it: another device's address, a range without a rule, the connector's own
 * machine, an open connection after its rule or its device is gone.
 *
 *   laptop .20 ── home-router ── internet: gateway ── vpc-router ── vpc 192.168.0.0/24, 10.77.0.0/24
 *                                                     capture on `vpc`: server .10 (connector), second .20, 10.77.0.20
 *
 * The rules are looked at from the laptop with ordinary programs, and from the far end by what arrives there.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import type { ConnectorStatus } from '../../gateway/connector/status.ts';
import type { Device as EnrolledDevice } from '../../gateway/contract/admin-api.ts';
import type { Finished, Service } from '../lab/command.ts';
import { eventually } from '../lab/eventually.ts';
import type { Host } from '../lab/host.ts';
import { LabBrowser } from '../world/browser.ts';
import { Capture } from '../world/capture.ts';
import { buildConnectedWorld, type ConnectedWorld } from '../world/connected-world.ts';
import { Device } from '../world/device.ts';
import { GATEWAY_USER } from '../world/gateway.ts';
import { people } from '../world/provider.ts';
import { startWeb } from '../world/targets.ts';
import { SECOND_SAYS } from '../world/world.ts';

const REFUSED = 7;
const CONNECTOR = '/opt/culvert-connector/bin/culvert-connector';

let scene: ConnectedWorld;
let device: Device;
let laptop: Host;
let server: Host;
let second: Host;

beforeAll(async () => {
  scene = await buildConnectedWorld();
  ({ device } = scene);
  [laptop, server, second] = ['laptop', 'server', 'second'].map((name) =>
    scene.world.lab.host(name),
  ) as [Host, Host, Host];
  await second.run(['ip', 'address', 'add', '10.77.0.20/24', 'dev', 'eth0']);
  await server.run(['ip', 'address', 'add', '10.77.0.10/24', 'dev', 'eth0']);
});
afterAll(async () => {
  await scene?.world.stop();
});
beforeEach(() => {
  onTestFailed(() => console.log(scene.world.lab.logs.slice(-20_000)));
});

test('a packet in another device’s name does not arrive', async () => {
  const other = await enrolOther();
  await using capture = await Capture.on(scene.world.lab, 'vpc');
  // What a thief with root on the device does: the protection is in the way, so it goes.
  await laptop.sh(`ip address add ${other}/32 dev culvert0
    nft insert rule inet culvert output oifname culvert0 accept`);

  const ping = ['ping', '-c', '3', '-i', '1', '-W', '2', '192.168.0.20'];
  await laptop.try([...ping, '-I', other]);
  await laptop.run([...ping, '-s', '200']);
  await capture.stop();

  expect(await capture.packets('icmp[0] = 8 and greater 200')).toHaveLength(3);
  expect(await capture.packets('icmp[0] = 8 and less 200')).toEqual([]);
  await laptop.run(['ip', 'address', 'del', `${other}/32`, 'dev', 'culvert0']);
  await laptop.sh(
    'nft delete rule inet culvert output handle $(nft -a list chain inet culvert output | sed -n "s/.*oifname \\"culvert0\\" accept # handle //p")',
  );
  expect(await get('http://192.168.0.20/')).toMatchObject({ stdout: `${SECOND_SAYS}\n` });
});

test('a network without a rule is not even routed to the device; one without a rule for this address is refused at once, by name', async () => {
  const { id } = await scene.administrator.createNetwork('osaka');
  await scene.administrator.addRange(id, '10.88.0.0/24');
  await scene.administrator.addRange(scene.network.id, '10.77.0.0/24');
  await narrow({ ranges: ['192.168.0.0/24'] });
  await eventually(async () => expect(await device.culvert(['routes'])).toContain('10.77.0.0/24'));
  expect(await device.culvert(['routes'])).not.toContain('10.88.0.0/24');
  // The range is on its way to the device and the rule to the engine: neither waits for the other.
  const why = await eventually(async () => {
    const answer = await device.tryCulvert(['why', '10.77.0.20:80']);
    expect(answer.stdout).toContain('You can’t reach 10.77.0.20:80: no rule allows it.');
    return answer;
  });
  await using capture = await Capture.on(scene.world.lab, 'vpc');

  // Refused, and not after it was sent anew, which is after a second; the quickest counts.
  const tookMs: number[] = [];
  for (let attempt = 0; attempt < 3; attempt++) {
    const startedAt = performance.now();
    expect((await get('http://10.77.0.20/')).code).toBe(REFUSED);
    tookMs.push(performance.now() - startedAt);
  }
  const ping = await laptop.try(['ping', '-c', '1', '-W', '10', '10.77.0.20']);

  expect(Math.min(...tookMs)).toBeLessThan(1000);
  expect(ping.stdout).toContain('Packet filtered');
  expect(why.code).toBe(7);
  await capture.stop();
  expect(await capture.packets('net 10.77.0.0/24')).toEqual([]);
  await narrow({ ranges: [] });
  await eventually(async () => expect((await get('http://10.77.0.20/')).code).toBe(0));
});

test('a rule with ports lets those through and nothing else', async () => {
  await narrow({ protocol: 'tcp', ports: [{ from: 8000, to: 8100 }] });

  await eventually(async () => expect((await get('http://192.168.0.20/')).code).toBe(REFUSED));
  expect((await get('http://192.168.0.10:8080/')).stdout).toBe('Hello from 192.168.0.10.\n');
  expect((await laptop.try(['ping', '-c', '1', '-W', '1', '192.168.0.10'])).code).toBe(1);

  await narrow({ protocol: 'any', ports: [] });
  await eventually(async () => expect((await get('http://192.168.0.20/')).code).toBe(0));
});

test('the first rule that matches decides: a block before the allow, and `why` names it', async () => {
  const block = await scene.administrator.allow('Not the second host', scene.network.id, {
    action: 'block',
    ranges: ['192.168.0.20/32'],
  });
  await scene.administrator.orderRules([block.id, scene.rule.id]);

  await eventually(async () => expect((await get('http://192.168.0.20/')).code).toBe(REFUSED));
  expect((await get('http://192.168.0.10:8080/')).code).toBe(0);
  const why = await device.tryCulvert(['why', '192.168.0.20:80']);
  expect(why.stdout).toContain(
    'You can’t reach 192.168.0.20:80: the rule “Not the second host” blocks it.',
  );

  await scene.administrator.orderRules([scene.rule.id, block.id]);
  await eventually(async () => expect((await get('http://192.168.0.20/')).code).toBe(0));
});

test('nobody reaches the connector’s own loopback, nor link-local addresses, unless a range names exactly that one', async () => {
  const inside = ['127.0.0.1', '169.254.169.254', '169.254.7.7'];
  await server.sh(
    'for each in 169.254.169.254 169.254.7.7; do ip address add $each/32 dev lo; done',
  );
  await startWeb(server, 'Only this machine may read me.', 9999);
  for (const address of inside) {
    expect(await server.run(['curl', '-s', `http://${address}:9999/`])).toContain('Only this');
  }
  const { administrator, network } = scene;
  for (const cidr of ['127.0.0.0/8', '169.254.0.0/16', '169.254.7.7/32']) {
    await expect(administrator.addRange(network.id, cidr)).rejects.toThrow(
      'is not the address of a private network',
    );
  }
  for (const cidr of ['126.0.0.0/7', '168.0.0.0/7']) {
    await expect(administrator.addRange(network.id, cidr)).rejects.toThrow('no network can hold');
  }
  // The administrator's browser is on this laptop, and shall not lose the gateway.
  const { id, splitTunnel } = await administrator.defaultProfile();
  await administrator.saveSplitTunnel(id, {
    ...splitTunnel,
    exclude: [{ cidr: '203.0.113.0/24' }],
  });
  // The one range that may cover them: whoever enters it means all traffic, and these stay closed all the same.
  await administrator.addRange(network.id, '0.0.0.0/0');
  await sendLoopbackIntoTunnel();
  for (const address of inside) await untilRouted(address);
  const before = await refusedPackets();

  const ends = await Promise.all(inside.map((address) => get(`http://${address}:9999/`)));

  expect(ends.map(({ stdout }) => stdout)).toEqual(['', '', '']);
  await eventually(async () =>
    expect(await refusedPackets()).toBeGreaterThanOrEqual(before + inside.length),
  );
  await administrator.removeRange(network.id, '0.0.0.0/0');
  await administrator.addRange(network.id, '169.254.169.254/32');
  await eventually(async () =>
    expect((await get('http://169.254.169.254:9999/')).stdout).toBe(
      'Only this machine may read me.\n',
    ),
  );
  await giveLoopbackBack();
  await eventually(async () =>
    expect(await laptop.run(['ip', 'route', 'show', 'table', '5182'])).not.toContain('default'),
  );
});

test('a rule that goes cuts what is open, within a second', async () => {
  const flow = await openFlow();
  const cutMs = await cutAfter(flow, () => narrow({ enabled: false }));

  console.log(`from saving to the end of the connection: ${Math.round(cutMs)} ms`);
  expect(cutMs).toBeLessThan(1000);
  await narrow({ enabled: true });
  await eventually(async () => expect((await get('http://192.168.0.20/')).code).toBe(0));
});

test('a device that is removed is cut with what it has open, within a second, and told why', async () => {
  const flow = await openFlow();
  const { id } = await enrolled('laptop');
  const cutMs = await cutAfter(flow, () => scene.administrator.removeDevice(id));

  console.log(`from removing to the end of the connection: ${Math.round(cutMs)} ms`);
  expect(cutMs).toBeLessThan(1000);
  await eventually(async () => {
    const { stdout } = await device.tryCulvert(['status']);
    expect(stdout).toContain(
      'An administrator removed this device from your organisation. Sign in again to add it.',
    );
  });
  expect((await get('http://192.168.0.20/')).code).not.toBe(0);
});

/** A second device, olivia's, signed in; its address in the overlay. */
async function enrolOther(): Promise<string> {
  const host = scene.world.lab.host('login');
  await host.run(['useradd', '--create-home', '--user-group', 'olivia']);
  const [other, browser] = await Promise.all([
    Device.install(host, 'olivia'),
    LabBrowser.open(host, 'olivia'),
  ]);
  await other.signIn(browser, scene.world.gateway.joinLink, people.olivia);
  await browser.close();
  return (await enrolled('login')).ipv4;
}

async function enrolled(name: string): Promise<EnrolledDevice> {
  const found = (await scene.administrator.devices()).find((one) => one.name === name);
  if (!found) throw new Error(`no device is called ${name}`);
  return found;
}

/** Changes the one rule that lets everybody in. */
async function narrow(parts: Parameters<typeof scene.administrator.changeRule>[1]): Promise<void> {
  await scene.administrator.changeRule(scene.rule.id, parts);
}

/** An `ssh` that says something every 50 ms for as long as it is connected. */
async function openFlow(): Promise<Service> {
  const talk = 'while echo tick; do sleep 0.05; done';
  const options = ['-o', 'ServerAliveInterval=1', '-o', 'ConnectTimeout=5'];
  const flow = laptop.start('open flow', ['ssh', ...options, '192.168.0.20', talk], {
    user: 'alice',
  });
  await flow.waitFor(/tick\ntick/);
  return flow;
}

/** Until nothing more comes through. */
async function cutAfter(flow: Service, act: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  let lastAt = startedAt;
  let length = flow.log.length;
  const acting = act();
  while (performance.now() - lastAt < 1500) {
    await pause(5);
    if (flow.log.length !== length) lastAt = performance.now();
    length = flow.log.length;
  }
  await acting;
  await flow.stop('SIGKILL');
  return lastAt - startedAt;
}

/** No system does this by itself; somebody with root on a device can. */
async function sendLoopbackIntoTunnel(): Promise<void> {
  await laptop.sh(`sysctl -qw net.ipv4.conf.all.route_localnet=1
    ip rule add priority 1 not to 127.0.0.0/8 lookup local; ip rule del priority 0`);
}

async function giveLoopbackBack(): Promise<void> {
  await laptop.sh(`ip rule add priority 0 lookup local; ip rule del priority 1
    sysctl -qw net.ipv4.conf.all.route_localnet=0`);
}

async function untilRouted(address: string): Promise<void> {
  await eventually(async () =>
    expect(await laptop.run(['ip', 'route', 'get', address])).toContain('dev culvert0'),
  );
}

/** What gateway and connector have thrown away so far: each holds to this rule by itself. */
async function refusedPackets(): Promise<number> {
  const [atGateway, atConnector] = await Promise.all([
    engineDrops(
      scene.world.lab.host('gateway'),
      GATEWAY_USER,
      '/var/lib/culvert-gateway/data/engine',
    ),
    notCarried(),
  ]);
  return atGateway + atConnector;
}

async function notCarried(): Promise<number> {
  const status = JSON.parse(await server.run([CONNECTOR, 'status', '--json'])) as ConnectorStatus;
  return status.notCarried.reduce((sum, { count }) => sum + count, 0);
}

async function engineDrops(host: Host, user: string, folder: string): Promise<number> {
  const asking = host.start('status', ['nc', '-U', `${folder}/engine.sock`], {
    user,
    input: '{"v":1,"id":1,"method":"status"}\n',
  });
  const [line] = await asking.waitFor(/^.*\n/);
  await asking.stop();
  const { result } = JSON.parse(line) as { result: { drops: Record<string, number> } };
  return Object.values(result.drops).reduce((sum, count) => sum + count, 0);
}

async function get(url: string): Promise<Finished> {
  return await laptop.try(['curl', '-s', '--max-time', '5', url], { user: 'alice' });
}
