/** What the store says, in a real engine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Network } from '../../contract/admin-api.ts';
import type { ExplainAnswer } from '../../contract/device-api.ts';
import { DataPlane } from '../../dataplane/data-plane.ts';
import { makeProof } from '../../trust/proof.ts';
import { removeDevice } from '../enrol/device-routes.ts';
import { type ScratchDevice, scratchDevice } from '../scratch-device.ts';
import { type ScratchData, type ScratchGateway, scratchGateway } from '../scratch-gateway.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let gateway: ScratchGateway;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-enforcement-'));
  gateway = await start();
  await gateway.live.dataPlane?.ready;
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test('an enrolled device is in the engine, and a removed one is out of it, each within 300 ms more often than not', async () => {
  const [enrolling, removing]: [number[], number[]] = [[], []];
  for (let round = 0; round < 3; round++) {
    const device = await scratchDevice(gateway.store);
    const enrolledAt = performance.now();
    await untilExplained(device, (answer) => answer.verdict === 'no-network');
    enrolling.push(performance.now() - enrolledAt);

    const removedAt = performance.now();
    await removeDevice(gateway.store, device.id, 'test');
    await vi.waitFor(() => expectUnknown(device), { timeout: 15_000, interval: 5 });
    removing.push(performance.now() - removedAt);
  }

  // One of them the machine may have been busy with something else.
  for (const tookMs of [enrolling, removing])
    expect(tookMs.toSorted((one, other) => one - other)[1]).toBeLessThan(300);
});

test('explain names network, range, rule and connector as far as the packet gets', async () => {
  const device = await scratchDevice(gateway.store);
  const network = (await gateway.call<Network>('POST', 'networks', { name: 'tokyo-vpc' })).body;
  await gateway.call('POST', `networks/${network.id}/ranges`, { cidr: '192.168.0.0/24' });

  const denied = await untilExplained(device, ({ verdict }) => verdict === 'no-rule');
  await gateway.call('POST', 'rules', { ...RULE, networkIds: [network.id] });
  const allowed = await untilExplained(device, ({ verdict }) => verdict === 'no-connector');

  expect(denied).toMatchObject({
    network: { id: network.id, name: 'tokyo-vpc', range: '192.168.0.0/24' },
    rule: null,
    connector: null,
  });
  expect(allowed.rule).toMatchObject({ name: 'ssh for all', number: 1, action: 'allow' });
  expect(await explain(device, { ...QUESTION, port: 80 })).toMatchObject({ verdict: 'no-rule' });
  expect(allowed.gateway.id).toBe((await explain(device, QUESTION)).gateway.id);
});

test('an engine that is killed is back with the whole configuration', async () => {
  const device = await scratchDevice(gateway.store);
  await untilExplained(device, ({ verdict }) => verdict === 'no-network');
  const pid = pidOf(gateway);

  process.kill(pid, 'SIGKILL');

  await vi.waitFor(() => expect(pidOf(gateway)).not.toBe(pid), 15_000);
  await untilExplained(device, ({ verdict }) => verdict === 'no-network');
});

test('the control plane comes back to the same engine, which never noticed', async () => {
  const device = await scratchDevice(gateway.store);
  await untilExplained(device, ({ verdict }) => verdict === 'no-network');
  const pid = pidOf(gateway);
  const { data } = gateway;
  await gateway.live.close({ keepEngine: true });
  await gateway.built.close();

  gateway = await start(data);
  await gateway.live.dataPlane?.ready;

  expect(pidOf(gateway)).toBe(pid);
  expect(gateway.live.dataPlane?.state).toMatchObject({ kind: 'running', adopted: true });
  await untilExplained(device, ({ verdict }) => verdict === 'no-network');
});

const QUESTION = { destination: '192.168.0.10', protocol: 'tcp', port: 22 };
const RULE = {
  name: 'ssh for all',
  action: 'allow',
  subjects: [{ kind: 'everyone' }],
  ranges: [],
  protocol: 'tcp',
  ports: [{ from: 22, to: 22 }],
  enabled: true,
};

function start(data?: ScratchData): Promise<ScratchGateway> {
  return scratchGateway({
    ...(data ? { data } : {}),
    wireguardPort: 53_000 + (process.pid % 1000),
    dataPlane: (events) => new DataPlane({ ...events, folder }),
  });
}

function pidOf({ live }: ScratchGateway): number {
  const state = live.dataPlane?.state;
  return state?.kind === 'running' ? state.hello.pid : 0;
}

async function explain(device: ScratchDevice, question: object): Promise<ExplainAnswer> {
  const answer = await ask(device, question);
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<ExplainAnswer>();
}

async function ask(device: ScratchDevice, question: object) {
  const body = JSON.stringify(question);
  const url = '/v1/device/explain';
  const proof = await makeProof(device.identity, device.id, { method: 'POST', path: url, body });
  const headers = { 'content-type': 'application/json', 'culvert-proof': proof };
  return gateway.built.app.inject({ method: 'POST', url, headers, payload: body });
}

function untilExplained(
  device: ScratchDevice,
  isRight: (answer: ExplainAnswer) => boolean,
): Promise<ExplainAnswer> {
  return vi.waitFor(
    async () => {
      const answer = await explain(device, QUESTION);
      expect(isRight(answer), JSON.stringify(answer)).toBe(true);
      return answer;
    },
    { timeout: 15_000, interval: 10 },
  );
}

/** Asked past the control plane, which would refuse the device's proof by itself. */
async function expectUnknown(device: ScratchDevice): Promise<void> {
  const question = { deviceId: device.id, destination: '192.168.0.10', protocol: 'tcp' as const };
  expect(await gateway.live.dataPlane?.explain(question)).toBeUndefined();
}
