/** The client against the engine itself: what both sides of the control socket must agree on. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findEngine } from './binary.ts';
import { EngineRefusal } from './connection.ts';
import { configHash, type Engine } from './engine.ts';
import type { ConnectorEngineConfig, EngineRole, GatewayEngineConfig } from './protocol.ts';
import { SupervisedEngine } from './supervisor.ts';

vi.setConfig({ testTimeout: 60_000 });

let folder: string;
let started: SupervisedEngine[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-engine-'));
  started = [];
});
afterEach(async () => {
  await Promise.all(started.map((engine) => engine.stop()));
  rmSync(folder, { recursive: true, force: true });
});

test('hello names role, process and protocol, and no configuration before the first', async () => {
  const { hello } = await start('gateway');

  expect(hello).toMatchObject({ protocol: 1, role: 'gateway', configHash: null });
  expect(hello.pid).toBeGreaterThan(1);
});

test('both sides compute the same hash of a configuration', async () => {
  const engine = await start('gateway');
  const config = gatewayConfig();

  expect(await engine.configure(config)).toBe(configHash(config));
});

test('a configuration with a bad key is refused with a sentence, and the last one stays', async () => {
  const engine = await start('gateway');
  const good = gatewayConfig();
  await engine.configure(good);

  await expect(engine.configure({ ...good, privateKey: 'no key' })).rejects.toBeInstanceOf(
    EngineRefusal,
  );

  const { peers } = await engine.status();
  expect(peers.map(({ id }) => id)).toEqual(['device-1']);
});

test('explain answers what a rule decides', async () => {
  const engine = await start('gateway');
  await engine.configure(gatewayConfig());
  const question = { deviceId: 'device-1', protocol: 'tcp' as const, port: 22 };

  expect(await engine.explain({ ...question, destination: '192.168.0.10' })).toMatchObject({
    verdict: 'no-connector',
    networkId: 'tokyo',
    range: '192.168.0.0/24',
    ruleId: 'ssh',
  });
  expect((await engine.explain({ ...question, destination: '10.9.9.9' })).verdict).toBe(
    'no-network',
  );
});

test('a gateway and a connector that name each other shake hands, and the gateway tells at once', async () => {
  const [gatewayKeys, connectorKeys] = [generateKeyPair(), generateKeyPair()];
  const gateway = await start('gateway');
  const seen: string[] = [];
  await gateway.watch((event) => seen.push(event.kind));
  const peer = { kind: 'connector' as const, id: 'con-1', publicKey: connectorKeys.publicKey };
  await gateway.configure({
    ...gatewayConfig(),
    privateKey: gatewayKeys.privateKey,
    peers: [{ ...peer, addresses: ['100.96.0.9'], networkId: 'tokyo', healthy: true }],
  });
  const { listenPort } = await gateway.status();

  const connector = await start('connector');
  await connector.configure(
    connectorConfig(connectorKeys.privateKey, gatewayKeys.publicKey, listenPort),
  );

  await vi.waitFor(() => expect(seen).toContain('peer-handshake'), 15_000);
  const [state] = (await gateway.status()).peers;
  expect(Math.abs(Date.now() - (state?.lastHandshakeAt ?? 0))).toBeLessThan(10_000);
  expect(state?.endpoint).toMatch(/^127\.0\.0\.1:\d+$/);
});

async function start(role: EngineRole): Promise<Engine> {
  const supervised = new SupervisedEngine({
    role,
    binary: findEngine(),
    arguments: [],
    socketPath: join(folder, `${role}.sock`),
    logPath: join(folder, `${role}.log`),
  });
  started.push(supervised);
  await supervised.ready;
  if (!supervised.engine) throw new Error('the engine is gone again');
  return supervised.engine;
}

function gatewayConfig(): GatewayEngineConfig {
  const device = { kind: 'device' as const, id: 'device-1', publicKey: DEVICE.publicKey };
  return {
    privateKey: GATEWAY.privateKey,
    listenPort: 0,
    mtu: 1420,
    peers: [{ ...device, addresses: ['100.96.0.2'], subjects: ['everyone'], expiresAt: null }],
    networks: [{ id: 'tokyo', ranges: ['192.168.0.0/24'] }],
    rules: [
      {
        id: 'ssh',
        name: 'ssh for all',
        action: 'allow',
        subjects: ['everyone'],
        networkIds: ['tokyo'],
        ranges: [],
        protocol: 'tcp',
        ports: [[22, 22]],
      },
    ],
  };
}

function connectorConfig(
  privateKey: string,
  publicKey: string,
  port: number,
): ConnectorEngineConfig {
  return {
    privateKey,
    mtu: 1420,
    addresses: ['100.96.0.9'],
    ranges: ['192.168.0.0/24'],
    overlay: ['100.96.0.0/16'],
    peers: [{ id: 'gw', publicKey, endpoints: [`127.0.0.1:${port}`], keepaliveSeconds: 5 }],
  };
}

function generateKeyPair(): { privateKey: string; publicKey: string } {
  const { d = '', x = '' } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const raw = (text: string): string => Buffer.from(text, 'base64url').toString('base64');
  return { privateKey: raw(d), publicKey: raw(x) };
}

const DEVICE = generateKeyPair();
const GATEWAY = generateKeyPair();
