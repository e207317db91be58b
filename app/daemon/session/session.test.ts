/** The stream against a gateway on a real TLS socket: what it brings is believed only when everything about it holds. */
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  type Mock,
  test,
  vi,
} from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { DeviceConfig } from '../../../gateway/contract/snapshot.ts';
import { generateIdentity } from '../../../gateway/trust/identity.ts';
import {
  makeCertificate,
  makeOrganisation,
  signSnapshot,
  signTrust,
  statementOf,
  type TestCertificate,
} from '../../../gateway/trust/test-organisation.ts';
import { backoff } from './backoff.ts';
import type { Keys, Membership, SessionStore } from './membership.ts';
import { Session, type SessionListener } from './session.ts';

const organisation = makeOrganisation();
const LOG = { info: () => undefined, warn: () => undefined, debug: () => undefined };
const DEVICE = { name: 'laptop', os: 'linux', osVersion: '6', clientVersion: '0.1.0' } as const;

let certificate: TestCertificate;
let server: Server;
let sockets: WebSocketServer;
let connections: { socket: WebSocket; request: IncomingMessage; replies: unknown[] }[];
let refuseWith: { status: number; body: string } | null;
let store: MemoryStore;
let session: Session;
let listener: { [Name in keyof SessionListener]: Mock<SessionListener[Name]> };

beforeAll(() => {
  certificate = makeCertificate();
});
beforeEach(async () => {
  connections = [];
  refuseWith = null;
  await startServer();
  store = new MemoryStore(membership());
  listener = { onConfig: vi.fn(), onEnded: vi.fn(), onChange: vi.fn() } as typeof listener;
  session = new Session(store, DEVICE, listener, LOG);
});
afterEach(async () => {
  session.close();
  await stopServer();
});
afterAll(() => vi.restoreAllMocks());

describe('a snapshot', () => {
  test('that holds is stored as it came, handed on, and acknowledged when somebody says so', async () => {
    const stream = await connected();
    const jws = await signSnapshot(organisation, config({ revision: 7 }));

    send(stream, { type: 'snapshot', snapshot: jws });
    await until(() => listener.onConfig.mock.calls.length === 1);
    session.acknowledge(7, null);

    await until(() => stream.replies.length === 1);
    expect(store.snapshot).toBe(jws);
    expect(stream.replies).toEqual([{ type: 'applied', revision: 7 }]);
  });

  test.each<[string, () => Promise<string>]>([
    [
      'of another device',
      () => signSnapshot(organisation, config({ receiver: 'somebody', revision: 9 })),
    ],
    ['of an earlier revision', () => signSnapshot(organisation, config({ revision: 7 }))],
    ['that has expired', () => signSnapshot(organisation, config({ revision: 9, expiresAt: 1 }))],
    ['by another organisation', () => signSnapshot(makeOrganisation(), config({ revision: 9 }))],
    [
      'with a flipped bit',
      async () => flipped(await signSnapshot(organisation, config({ revision: 9 }))),
    ],
    [
      'without a signature',
      async () => (await signSnapshot(organisation, config({ revision: 9 }))).replace(/[^.]*$/, ''),
    ],
    [
      'of another shape',
      () => signSnapshot(organisation, { ...config({ revision: 9 }), mtu: 'large' }),
    ],
    [
      'for a connector',
      () => signSnapshot(organisation, { ...config({ revision: 9 }), kind: 'connector' }),
    ],
    ['that is no JWS', async () => 'good morning'],
    ['that is empty', async () => ''],
  ])('%s is refused, and the last good one stays', async (_what, make) => {
    const stream = await connected();
    const good = await signSnapshot(organisation, config({ revision: 8 }));
    send(stream, { type: 'snapshot', snapshot: good });
    await until(() => listener.onConfig.mock.calls.length === 1);

    send(stream, { type: 'snapshot', snapshot: await make() });
    await until(() => session.facts.problem !== null);

    expect(session.facts.problem).toMatchObject({ code: 'snapshot-refused' });
    expect(listener.onConfig).toHaveBeenCalledTimes(1);
    expect([store.snapshot, session.facts.config?.revision]).toEqual([good, 8]);
  });

  test('larger than 8 MiB ends the connection, not the session', async () => {
    const stream = await connected();

    send(stream, { type: 'snapshot', snapshot: 'x'.repeat(8 * 1024 * 1024 + 5000) });
    await until(() => session.facts.stream === 'connecting');

    expect([listener.onConfig.mock.calls.length, session.facts.membership?.ended]).toEqual([
      0,
      null,
    ]);
  });

  test('of the last run is believed without a gateway, whatever its age', async () => {
    await stopServer();
    store.snapshot = await signSnapshot(organisation, config({ revision: 5, expiresAt: 1 }));

    await session.begin();

    expect(session.facts.config?.revision).toBe(5);
  });

  test('of the last run that was changed on disk is not', async () => {
    store.snapshot = flipped(await signSnapshot(organisation, config({ revision: 5 })));

    await session.begin();

    expect([session.facts.config, session.facts.problem?.code]).toEqual([null, 'snapshot-refused']);
  });
});

describe('the stream', () => {
  test('shows a proof for exactly this call', async () => {
    const { request } = await connected();
    const [, payload = ''] = String(request.headers['culvert-proof']).split('.');

    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      htm: 'GET',
      htu: '/v1/device/stream',
      bod: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
    });
  });

  test('does not mind what it does not understand', async () => {
    const stream = await connected();

    for (const text of [
      '',
      '{',
      '[]',
      'null',
      '{"type":"moon"}',
      '{"type":"snapshot"}',
      '{"__proto__":{"type":"ended"}}',
    ]) {
      stream.socket.send(text);
    }
    send(stream, {
      type: 'snapshot',
      snapshot: await signSnapshot(organisation, config({ revision: 7 })),
    });

    await until(() => listener.onConfig.mock.calls.length === 1);
    expect(listener.onEnded).not.toHaveBeenCalled();
  });

  test('comes back by itself', async () => {
    const stream = await connected();

    stream.socket.terminate();

    await until(() => connections.length === 2, 5000);
    await until(() => session.facts.stream === 'connected');
  });

  test('that stays away is told after some seconds, and no longer once it is back', async () => {
    const stream = await connected();
    refuseWith = { status: 503, body: JSON.stringify({ code: 'busy', message: 'Later.' }) };
    stream.socket.terminate();
    await until(() => session.facts.stream === 'connecting');
    expect(session.facts.absence).toBeNull();

    await until(() => session.facts.absence !== null, 8000);
    expect(session.facts.absence).toMatchObject({ code: 'stream-lost' });
    refuseWith = null;
    session.networkChanged();

    await until(() => session.facts.absence === null, 8000);
    expect(session.facts.stream).toBe('connected');
  }, 20_000);

  test('talks to nobody who holds another TLS key, until the organisation names it', async () => {
    store.membership = { ...membership(), tlsKeys: ['another'] };

    await session.begin();

    // The statement at the same address is signed by the organisation and names the real one.
    await until(() => connections.length === 1, 5000);
    expect(store.membership?.tlsKeys).toEqual([certificate.pin]);
  });

  test.each([
    ['removed', 'device-removed', true],
    ['replaced', 'device-replaced', false],
    ['session-expired', 'session-expired', false],
  ])('that says “%s” ends the session, for the next start too', async (reason, code, isRemoval) => {
    const stream = await connected();

    send(stream, { type: 'ended', reason });
    await until(() => listener.onEnded.mock.calls.length === 1);

    expect(listener.onEnded).toHaveBeenCalledWith(expect.objectContaining({ code }), isRemoval);
    expect(store.membership?.ended?.code).toBe(code);
  });

  test('a gateway that does not know the device says so instead of a stream', async () => {
    refuseWith = {
      status: 401,
      body: JSON.stringify({ code: 'unknown-device', message: 'Gone.' }),
    };

    await session.begin();

    await until(() => listener.onEnded.mock.calls.length === 1);
    expect(listener.onEnded.mock.calls[0]?.[1]).toBe(true);
  });
});

test('a session ends at its time without anybody saying so', async () => {
  store.snapshot = await signSnapshot(
    organisation,
    config({ revision: 5, session: { expiresAt: Date.now() + 300 } }),
  );

  await session.begin();

  await until(() => listener.onEnded.mock.calls.length === 1);
  expect(store.membership?.ended).toMatchObject({ code: 'session-expired' });
});

test('waiting before a new try is spread over the whole time, up to 30 s', () => {
  expect([0, 1, 4, 5, 50].map((attempt) => backoff(attempt, () => 1))).toEqual([
    1000, 2000, 16_000, 30_000, 30_000,
  ]);
  expect(backoff(50, () => 0)).toBe(0);
});

class MemoryStore implements SessionStore {
  membership: Membership | null;
  snapshot: string | null = null;
  readonly keys: Keys = {
    identity: generateIdentity(),
    wireguard: { publicKey: '', reveal: () => '' },
  };

  constructor(first: Membership) {
    this.membership = first;
  }

  keysForEnrolment(): Keys {
    return this.keys;
  }

  saveMembership(next: Membership): void {
    this.membership = next;
  }

  saveSnapshot(jws: string): void {
    this.snapshot = jws;
  }

  forgetMembership(): void {
    this.membership = null;
  }
}

async function connected() {
  await session.begin();
  await until(() => connections.length > 0 && session.facts.stream === 'connected');
  const [first] = connections;
  if (!first) throw new Error('no connection');
  return first;
}

function send(stream: { socket: WebSocket }, message: object): void {
  stream.socket.send(JSON.stringify(message));
}

async function until(isSo: () => boolean, patienceMs = 3000): Promise<void> {
  await vi.waitFor(() => expect(isSo()).toBe(true), { timeout: patienceMs, interval: 10 });
}

async function startServer(): Promise<void> {
  sockets = new WebSocketServer({ noServer: true });
  server = createServer(certificate, (_request, response) => {
    const { port } = server.address() as AddressInfo;
    const statement = statementOf(organisation, {
      tlsKeys: [certificate.pin],
      issuer: `https://127.0.0.1:${port}`,
    });
    void signTrust(organisation, statement).then((jws) => response.end(jws));
  });
  server.on('upgrade', (request, socket, head) => {
    if (refuseWith) {
      const { status, body } = refuseWith;
      socket.end(
        `HTTP/1.1 ${status} No\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => {
      const replies: unknown[] = [];
      opened.on('message', (data) => replies.push(JSON.parse((data as Buffer).toString())));
      opened.on('error', () => undefined);
      connections.push({ socket: opened, request, replies });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
}

async function stopServer(): Promise<void> {
  for (const { socket } of connections) socket.terminate();
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

function membership(): Membership {
  const { port } = server.address() as AddressInfo;
  return {
    gateway: `https://127.0.0.1:${port}`,
    organisation: { id: 'org', name: 'Example' },
    fingerprint: organisation.fingerprint,
    publicKey: organisation.publicKey,
    tlsKeys: [certificate.pin],
    issuer: `https://127.0.0.1:${port}`,
    deviceId: 'device-1',
    ended: null,
  };
}

/** The middle of the payload, where each bit counts. */
function flipped(jws: string): string {
  const at = Math.floor(jws.length / 3);
  return jws.slice(0, at) + (jws[at] === 'A' ? 'B' : 'A') + jws.slice(at + 1);
}

function config(parts: Partial<DeviceConfig>): DeviceConfig {
  return {
    kind: 'device',
    v: 1,
    receiver: 'device-1',
    revision: 1,
    issuedAt: Date.now(),
    expiresAt: Date.now() + 3_600_000,
    organisation: { id: 'org', name: 'Example' },
    user: { id: 'u', email: 'alice@example.com', name: 'Alice' },
    session: { expiresAt: Date.now() + 3_600_000 },
    addresses: { ipv4: '100.96.0.5' },
    mtu: 1420,
    keepaliveSeconds: 25,
    gateways: [],
    networks: [],
    profile: {
      id: 'p',
      name: 'Default',
      splitTunnel: { defaultPath: 'direct', include: [], exclude: [] },
    },
    ...parts,
  };
}
