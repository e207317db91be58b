import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import type { Network, Profile } from '../../contract/admin-api.ts';
import type { StreamMessage } from '../../contract/device-api.ts';
import type { DeviceConfig } from '../../contract/snapshot.ts';
import { generateIdentity } from '../../trust/identity.ts';
import { makeProof } from '../../trust/proof.ts';
import { verifyDeviceSnapshot } from '../../trust/snapshot.ts';
import { fetchTrust } from '../../trust/statement.ts';
import { pinnedAgent } from '../../trust/tls-pin.ts';
import { removeDevice } from '../enrol/device-routes.ts';
import { type ScratchDevice, scratchDevice } from '../scratch-device.ts';
import { type ScratchGateway, scratchGateway } from '../scratch-gateway.ts';

/** Longer than any machine pauses that the tests share. */
const PATIENCE_MS = 15_000;

let gateway: ScratchGateway;
const open: TestStream[] = [];

beforeEach(async () => {
  gateway = await scratchGateway({ limits: { pingMs: 100, deadMs: 3_000, burst: 20 } });
});
afterEach(async () => {
  for (const stream of open.splice(0)) stream.socket.terminate();
  await gateway[Symbol.asyncDispose]();
});

test('a device gets a signed snapshot that is for it alone, and its acknowledgement is stored', async () => {
  const device = await enrol();
  const stream = await follow(device);

  const config = await stream.next();
  stream.socket.send(JSON.stringify({ type: 'applied', revision: config.revision }));

  expect(config.receiver).toBe(device.id);
  expect(config.addresses.ipv4).toBe('100.96.0.2');
  await vi.waitFor(async () => {
    const [row] = (
      await gateway.call<{ appliedRevision: number; state: string }[]>('GET', 'devices')
    ).body;
    expect(row).toMatchObject({ appliedRevision: config.revision, state: 'online' });
  }, PATIENCE_MS);
});

test('a rule that opens a network reaches the device within 300 ms more often than not', async () => {
  const device = await enrol();
  const stream = await follow(device);
  await stream.next();
  const tookMs: number[] = [];
  for (const at of [1, 2, 3, 4, 5]) {
    const name = `network-${at}`;
    const network = (await gateway.call<Network>('POST', 'networks', { name })).body;
    await gateway.call('POST', `networks/${network.id}/ranges`, { cidr: `192.168.${at}.0/24` });
    const savedAt = performance.now();
    await gateway.call('POST', 'rules', ruleFor(network.id));
    const config = await stream.next();
    tookMs.push(performance.now() - savedAt);
    expect(config.networks.map(({ id }) => id)).toContain(network.id);
  }

  expect(middle(tookMs)).toBeLessThan(300);
});

test('a rule that opens a network reaches the device, and what does not concern it does not', async () => {
  const device = await enrol();
  const stream = await follow(device);
  await stream.next();
  const network = (await gateway.call<Network>('POST', 'networks', { name: 'tokyo-vpc' })).body;
  await gateway.call('POST', `networks/${network.id}/ranges`, { cidr: '192.168.0.0/24' });
  await pauseFor(100);
  expect(stream.waiting).toBe(0);

  await gateway.call('POST', 'rules', ruleFor(network.id));
  const config = await stream.next();

  expect(config.networks).toEqual([
    {
      id: network.id,
      name: 'tokyo-vpc',
      ranges: ['192.168.0.0/24'],
      connectors: { healthy: 0, total: 0 },
    },
  ]);
  await gateway.call('PATCH', `networks/${network.id}`, { name: 'tokyo-vpc' });
  await pauseFor(100);
  expect(stream.waiting).toBe(0);
});

test('many changes at once end in the last one, with revisions that never go back', async () => {
  const device = await enrol();
  const stream = await follow(device);
  const first = await stream.next();
  const [profile] = (await gateway.call<Profile[]>('GET', 'profiles')).body;

  const edits = Array.from({ length: 20 }, (_, at) => `203.0.113.${at}/32`);
  await Promise.all(edits.map((cidr) => setExclude(profile?.id ?? '', [cidr])));
  await setExclude(profile?.id ?? '', ['198.51.100.0/24']);

  const revisions = [first.revision];
  for (;;) {
    const config = await stream.next();
    revisions.push(config.revision);
    const [entry] = config.profile.splitTunnel.exclude;
    if (entry && 'cidr' in entry && entry.cidr === '198.51.100.0/24') break;
  }
  expect(revisions).toEqual(revisions.toSorted((left, right) => left - right));
  expect(revisions.length).toBeLessThan(20);
});

test('a removed device is told so and let go', async () => {
  const device = await enrol();
  const stream = await follow(device);
  await stream.next();

  await removeDevice(gateway.store, device.id, 'test');

  await vi.waitFor(() => expect(stream.ended).toBe('removed'), PATIENCE_MS);
  expect(await statusOf(device)).toBe(401);
});

test('a device whose session ends is told so at that moment, without anybody changing anything', async () => {
  const device = await enrol(3_000);
  const stream = await follow(device);
  await stream.next();

  await vi.waitFor(() => expect(stream.ended).toBe('session-expired'), PATIENCE_MS);
});

test('a second socket of the same device replaces the first', async () => {
  const device = await enrol();
  const first = await follow(device);
  await first.next();

  const second = await follow(device);

  await vi.waitFor(() => expect(first.ended).toBe('replaced'), PATIENCE_MS);
  expect((await second.next()).receiver).toBe(device.id);
});

test('a proof by another key, for another path, or used twice opens nothing', async () => {
  const device = await enrol();
  const proof = await proofOf(device);

  expect(await statusOf({ ...device, identity: generateIdentity() })).toBe(401);
  expect(await statusOf(device, '/v1/connector/stream')).toBe(401);
  const first = connectWith(proof, '/v1/device/stream');
  await new Promise((resolve) => first.once('open', resolve));
  expect(await refusalOf(connectWith(proof, '/v1/device/stream'))).toBe(401);
  first.terminate();
});

test('who floods is let go', async () => {
  const device = await enrol();
  const stream = await follow(device);
  await stream.next();
  const closed = new Promise((resolve) => stream.socket.once('close', resolve));

  for (let at = 0; at < 50; at += 1) stream.socket.send('{"type":"applied","revision":0}');

  await closed;
});

test('a message above 64 KiB ends the stream', async () => {
  const device = await enrol();
  const stream = await follow(device);
  const closed = new Promise((resolve) => stream.socket.once('close', resolve));

  stream.socket.send('x'.repeat(70_000));

  expect(await closed).toBe(1009);
});

test('a stream that does not answer pings is noticed dead', async () => {
  const device = await enrol();
  const stream = await follow(device, { autoPong: false });
  await stream.next();

  await vi.waitFor(() => expect(gateway.live.isStreaming(device.id)).toBe(false), PATIENCE_MS);
});

function enrol(sessionMs?: number): Promise<ScratchDevice> {
  return scratchDevice(gateway.store, sessionMs === undefined ? {} : { sessionMs });
}

interface TestStream {
  socket: WebSocket;
  /** Snapshots that came and were not read yet. */
  waiting: number;
  ended: string | undefined;
  next(): Promise<DeviceConfig>;
}

async function follow(
  device: ScratchDevice,
  options: { autoPong?: boolean } = {},
): Promise<TestStream> {
  const trust = await fetchTrust(gateway.url, gateway.built.gateway.trust.fingerprint);
  if (trust.kind !== 'trusted') throw new Error(trust.message);
  const socket = connectWith(await proofOf(device), '/v1/device/stream', options);
  const queue: string[] = [];
  const stream: TestStream = {
    socket,
    get waiting() {
      return queue.length;
    },
    ended: undefined,
    next: async () => {
      await vi.waitFor(() => expect(queue.length).toBeGreaterThan(0), {
        timeout: PATIENCE_MS,
        interval: 2,
      });
      const { key, fingerprint } = trust.trust;
      const receiver = { key, fingerprint, id: device.id, revision: null, now: Date.now() };
      const outcome = await verifyDeviceSnapshot(queue.shift() ?? '', receiver);
      if (outcome.kind === 'refused') throw new Error(outcome.reason);
      return outcome.config;
    },
  };
  socket.on('message', (data) => {
    const message = JSON.parse((data as Buffer).toString()) as StreamMessage;
    if (message.type === 'snapshot') queue.push(message.snapshot);
    else stream.ended = message.reason;
  });
  socket.on('error', () => {});
  open.push(stream);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return stream;
}

function connectWith(proof: string, path: string, options: { autoPong?: boolean } = {}): WebSocket {
  const agent = pinnedAgent([gateway.built.gateway.tls.pin]);
  const url = gateway.url.replace('https', 'wss') + path;
  return new WebSocket(url, { agent, headers: { 'culvert-proof': proof }, ...options });
}

function proofOf(device: ScratchDevice, path = '/v1/device/stream'): Promise<string> {
  return makeProof(device.identity, device.id, { method: 'GET', path, body: '' });
}

async function statusOf(device: ScratchDevice, path = '/v1/device/stream'): Promise<number> {
  return refusalOf(connectWith(await proofOf(device), path));
}

function refusalOf(socket: WebSocket): Promise<number> {
  return new Promise((resolve) => {
    socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    socket.once('open', () => resolve(101));
    socket.on('error', () => {});
  });
}

function setExclude(profileId: string, cidrs: string[]) {
  const splitTunnel = {
    defaultPath: 'direct',
    include: [],
    exclude: cidrs.map((cidr) => ({ cidr })),
  };
  return gateway.call('PATCH', `profiles/${profileId}`, { splitTunnel });
}

function ruleFor(networkId: string) {
  return {
    name: 'Everyone reaches it',
    action: 'allow',
    subjects: [{ kind: 'everyone' }],
    networkIds: [networkId],
    ranges: [],
    protocol: 'any',
    ports: [],
    enabled: true,
  };
}

function pauseFor(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What the machine did to one of them meanwhile counts for nothing. */
function middle(values: number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}
