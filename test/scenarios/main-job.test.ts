/**
 * What Culvert is for: a laptop at home reaches a private network that lets nothing in, and everything else stays as it was.
 *
 *   laptop .20 ──┐                 ┌─ gateway                    ┌─ server .10  sshd, web :8080, the connector
 *   printer .30 ─┴─ home-router ── internet ── vpc-router ───────┴─ second .20  web, DNS
 *   192.168.178.0/24                                              192.168.0.0/24, no inbound port
 *
 * One story: the tests run in order, the last ones switch off and sign out.
 */
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import type { Status } from '../../app/contract/local-api.ts';
import type { Service } from '../lab/command.ts';
import { eventually } from '../lab/eventually.ts';
import type { Host } from '../lab/host.ts';
import { lostPings } from '../lab/pings.ts';
import { buildConnectedWorld, type ConnectedWorld } from '../world/connected-world.ts';
import { hostState } from '../world/host-state.ts';
import { processesOf } from '../world/processes.ts';
import { PRINTER_SAYS, PRIVATE_NAME, SECOND_SAYS } from '../world/world.ts';

const ALICE = { user: 'alice' };

let scene: ConnectedWorld;
let laptop: Host;
let server: Host;

beforeAll(async () => {
  scene = await buildConnectedWorld();
  laptop = scene.device.host;
  server = scene.world.lab.host('server');
});
afterAll(async () => {
  await scene?.world.stop();
});

test('ssh reaches the machine in the private network', async () => {
  showLogsIfItFails();

  expect(await run(['ssh', '192.168.0.10', 'hostname'])).toBe('server\n');
});

test('100 MB arrive unchanged by scp, in both directions', async () => {
  showLogsIfItFails();
  await laptop.sh('head -c 100M /dev/urandom >~/there', ALICE);

  await run(['scp', '-q', 'there', '192.168.0.10:there']);
  await run(['scp', '-q', '192.168.0.10:there', 'back']);

  const sum = await checksum(laptop, 'there');
  expect(await checksum(server, 'there')).toBe(sum);
  expect(await checksum(laptop, 'back')).toBe(sum);
});

test('ping answers, for both hosts', async () => {
  for (const address of ['192.168.0.10', '192.168.0.20']) {
    expect(await lostPings(laptop, address, 3, 0.2, ALICE)).toEqual([]);
  }
});

test('dig asks a resolver in the private network over UDP', async () => {
  const answer = await run(['dig', '+notcp', '+tries=1', '@192.168.0.20', PRIVATE_NAME]);

  expect(answer).toMatch(/ANSWER SECTION:\n\S+\s+\d+\s+IN\s+A\s+192\.168\.0\.20/);
  expect(answer).toContain('(UDP)');
});

test('curl reaches the connector’s own host and one that knows nothing of us, without any set-up for it', async () => {
  expect(await get('http://192.168.0.10:8080/')).toBe('Hello from 192.168.0.10.\n');
  expect(await get('http://192.168.0.20/')).toBe(`${SECOND_SAYS}\n`);
});

test('the printer at home is reached directly', async () => {
  expect(await get('http://192.168.178.30/')).toBe(`${PRINTER_SAYS}\n`);
  expect(await laptop.run(['ip', 'route', 'get', '192.168.178.30'])).toContain('dev wlan0');
});

test('`culvert why` names the deciding entry, the kernel’s route, gateway, connector and rule', async () => {
  await excludeSecond();

  const answers = await Promise.all(
    ['192.168.0.10:22', '192.168.0.20', '192.168.178.30', '203.0.113.10'].map((each) => why(each)),
  );
  await include();

  expect(answers).toEqual([
    `You can reach 192.168.0.10:22 through tokyo-vpc.
 ✓ goes into the tunnel  192.168.0.0/24 is a range of tokyo-vpc
 ✓ route                 culvert0, table 5182
 ✓ gateway               gateway, handshake _ ago, _
 ✓ connector             server (1 of 1 healthy)
 ✓ rule                  #1 Everyone to Tokyo
 ? target                the way is free; whether the host answers was not tried
`,
    directly(
      '192.168.0.20',
      'exclude list of “Default”: 192.168.0.20/32',
      'wlan0 via 192.168.178.1',
    ),
    directly('192.168.178.30', 'no entry covers it; “Default” sends the rest directly', 'wlan0'),
    directly(
      '203.0.113.10',
      'no entry covers it; “Default” sends the rest directly',
      'wlan0 via 192.168.178.1',
    ),
  ]);
});

test('what an administrator saves is in force on the device within a second, nine times of ten', async () => {
  showLogsIfItFails();
  const tookMs: number[] = [];
  for (let round = 0; round < 10; round++) {
    tookMs.push(await timed(excludeSecond));
    await include();
  }

  console.log(
    `from saving to the kernel’s route: ${tookMs.map((ms) => `${Math.round(ms)} ms`).join(', ')}`,
  );
  // Once the machine that everything runs on may have had something else to do.
  expect(tookMs.toSorted((one, other) => one - other)[8]).toBeLessThan(1000);
});

test('`wg show` shows the tunnel on the device and on the gateway', async () => {
  const onDevice = await laptop.run(['wg', 'show', 'culvert0']);
  const onGateway = await scene.world.lab.host('gateway').run(['wg', 'show']);

  expect(onDevice).toMatch(
    /endpoint: 203\.0\.113\.10:51820\n {2}allowed ips: .*192\.168\.0\.0\/24/,
  );
  // A session is renewed after two minutes, with the next packet.
  expect(onDevice).toMatch(/latest handshake: (Now|\d+ seconds? ago|[12] minutes?)/);
  const key = /public key: (\S+)/.exec(onDevice)?.[1] ?? 'none';
  expect(onGateway).toContain(`peer: ${key}\n  endpoint: 203.0.113.2:`);
  expect(onGateway.match(/latest handshake/g)).toHaveLength(2);
});

test('the connector runs as its own user, without any capability', async () => {
  const processes = await processesOf(server, 'culvert-connector');

  expect(processes.map(({ program }) => program).sort()).toEqual(['culvert-engine', 'node']);
  for (const { uid, capabilities } of processes) {
    expect(uid).not.toBe(0);
    expect(Object.values(capabilities)).toEqual([0n, 0n, 0n, 0n, 0n]);
  }
});

test('the connector has no listening socket, TCP or UDP, and its one to the gateway answers no stranger', async () => {
  const isOurs = (line: string): boolean => /"node"|"culvert-engine"/.test(line);
  const listening = (await server.run(['ss', '-Hltunp'])).split('\n');
  expect(listening.find((line) => line.includes('"sshd"'))).toMatch(/^tcp +LISTEN/);
  expect(listening.filter(isOurs)).toEqual([]);

  const connected = (await server.run(['ss', '-Hunp'])).split('\n').filter(isOurs);
  const toGateway = connected.filter((line) => line.includes('203.0.113.10:51820'));
  expect(toGateway).toHaveLength(1);
  const [, port = ''] = /:(\d+) /.exec(toGateway[0] ?? '') ?? [];
  expect(port).not.toBe('');
  // The first byte of a WireGuard handshake, and its length, as one datagram. `nc` ends with 1 when the kernel refuses it.
  const initiation = `{ printf '\\1\\0\\0\\0'; head -c 144 /dev/zero; } | dd bs=148 iflag=fullblock status=none`;
  const probe = `${initiation} | timeout 20 nc -u -w 1 192.168.0.10 ${port} || [ $? -eq 1 ]`;
  expect(await scene.world.lab.host('second').sh(probe)).toBe('');
});

test('`culvert status --watch` tells each change once, and nothing while only counters move', async () => {
  showLogsIfItFails();
  const [watch, lines] = [[], ['--json']].map((more) =>
    laptop.start('status --watch', ['culvert', 'status', '--watch', ...more], ALICE),
  ) as [Service, Service];
  await watch.waitFor(/^On .*exclude 0,.*\n\n$/s);
  await lines.waitFor(/"exclude":0.*\n/);
  const before = watch.log;
  await run(['ping', '-c', '5', '-i', '0.2', '192.168.0.20']);
  expect(watch.log).toBe(before);

  await excludeSecond();
  await watch.waitFor(/\n\nOn .*exclude 1,/s);
  await include();
  await watch.waitFor(/exclude 1,.*\n\nOn .*exclude 0,/s);
  await lines.waitFor(/"exclude":1.*\n.*"exclude":0.*\n/s);
  await laptop.run(['pkill', '-INT', '-f', 'status --watch']);

  expect((await watch.ended)[0]).toBe(0);
  expect((await lines.ended)[0]).toBe(0);
  const excludes = lines.log
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as Status).lists?.exclude);
  expect(excludes.filter((count, at) => count !== excludes[at - 1])).toEqual([0, 1, 0]);
});

test('switched off, the laptop is byte for byte as before', async () => {
  showLogsIfItFails();
  expect(await hostState(laptop)).not.toBe(scene.stateBefore);

  await scene.device.culvert(['down']);

  expect(await hostState(laptop)).toBe(scene.stateBefore);
});

test('signed out while it is on: again as before, and the keys are gone', async () => {
  showLogsIfItFails();
  await scene.device.culvert(['up', '--wait']);
  expect(await get('http://192.168.0.20/')).toBe(`${SECOND_SAYS}\n`);

  await scene.device.culvert(['logout']);

  expect(await hostState(laptop)).toBe(scene.stateBefore);
  expect(await laptop.sh('grep -rlE "PRIVATE KEY|privateKey" /var/lib/culvert || true')).toBe('');
  expect((await scene.device.tryCulvert(['up'])).code).toBe(4);
});

function run(argv: string[]): Promise<string> {
  return laptop.run(['env', '-C', '/home/alice', ...argv], ALICE);
}

async function get(url: string): Promise<string> {
  return await run(['curl', '-fsS', '--max-time', '5', url]);
}

async function checksum(host: Host, file: string): Promise<string> {
  return (await host.run(['sha256sum', `/home/alice/${file}`])).slice(0, 64);
}

async function why(destination: string): Promise<string> {
  const { stdout } = await scene.device.tryCulvert(['why', destination]);
  return stdout.replace(/handshake .* ago, \d+ ms$/m, 'handshake _ ago, _');
}

function directly(target: string, entry: string, route: string): string {
  const none = 'outside the tunnel; Culvert has no part in it';
  return `${target} goes directly, not through Culvert.
 ✓ goes directly  ${entry}
 ✓ route          ${route}
 – gateway        ${none}
 – connector      ${none}
 – rule           ${none}
 – target         ${none}
`;
}

/** Saved by the administrator, and back when the kernel of the laptop follows it. */
async function excludeSecond(): Promise<void> {
  await save([{ cidr: '192.168.0.20/32' }]);
  await untilRoutedTo('wlan0');
}

async function include(): Promise<void> {
  await save([]);
  await untilRoutedTo('culvert0');
}

async function timed(act: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
}

async function save(exclude: { cidr: string }[]): Promise<void> {
  const { id, splitTunnel } = await scene.administrator.defaultProfile();
  await scene.administrator.saveSplitTunnel(id, { ...splitTunnel, exclude });
}

async function untilRoutedTo(name: string): Promise<void> {
  await eventually(
    async () =>
      expect(await laptop.run(['ip', 'route', 'get', '192.168.0.20'])).toContain(`dev ${name}`),
    5_000,
    1,
  );
}

function showLogsIfItFails(): void {
  onTestFailed(() => console.log(scene.world.lab.logs.slice(-20_000)));
}
