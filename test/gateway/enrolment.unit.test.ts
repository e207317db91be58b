import { afterAll, beforeAll, expect, test } from 'vitest';
import { DeviceConfig } from '../../gateway/contract/snapshot.ts';
import { findBrokenAudit } from '../../gateway/control/store/audit.ts';
import { makeProof } from '../../gateway/trust/proof.ts';
import { verifyDeviceSnapshot } from '../../gateway/trust/snapshot.ts';
import { fetchTrust } from '../../gateway/trust/statement.ts';
import { ALICE, BOB, type Organisation, startOrganisation } from './organisation.ts';
import {
  type DeviceKeys,
  deviceToken,
  dpop,
  enrol,
  enrolRequest,
  newDeviceKeys,
} from './sign-in.ts';
import type { Seen } from './visitor.ts';

let organisation: Organisation;
beforeAll(async () => {
  organisation = await startOrganisation();
});
afterAll(() => organisation[Symbol.asyncDispose]());

test('a device that signed in gets an id, addresses and a snapshot that verifies against the pinned key', async () => {
  const keys = newDeviceKeys();

  const answer = await enrolAs(keys);

  expect(answer.status).toBe(200);
  const { deviceId, snapshot } = JSON.parse(answer.text);
  const fingerprint = organisation.built.gateway.trust.fingerprint;
  const trust = await fetchTrust(organisation.url, fingerprint);
  if (trust.kind !== 'trusted') throw new Error(trust.message);
  const outcome = await verifyDeviceSnapshot(snapshot, {
    key: trust.trust.key,
    fingerprint,
    id: deviceId,
    revision: null,
    now: Date.now(),
  });
  if (outcome.kind !== 'good') throw new Error(outcome.reason);
  expect(DeviceConfig.parse(outcome.config)).toMatchObject({
    receiver: deviceId,
    user: { email: 'alice@example.com' },
    addresses: {
      ipv4: expect.stringMatching(/^100\.96\./),
      ipv6: expect.stringMatching(/^fd[0-9a-f:]+$/),
    },
  });
  expect(outcome.config.session.expiresAt - Date.now()).toBeGreaterThan(23.9 * 3_600_000);
});

test('the same keys again renew the session of the same device, later', async () => {
  const keys = newDeviceKeys();
  const first = JSON.parse((await enrolAs(keys)).text);
  const before = await sessionOf(first.deviceId);
  organisation.wait(5_000);

  const second = JSON.parse((await enrolAs(keys)).text);

  expect(second.deviceId).toBe(first.deviceId);
  expect((await sessionOf(first.deviceId)) - before).toBeGreaterThanOrEqual(5_000);
});

test('one sign-in enrols once, however many try at the same moment', async () => {
  const keys = newDeviceKeys();
  const token = await deviceToken(organisation, ALICE, keys.identity);
  // The race is about the token: every attempt has a challenge, a WireGuard key and a proof of its own.
  const attempts = await Promise.all(
    Array.from({ length: 60 }, async () =>
      enrolRequest(organisation, { ...newDeviceKeys(), identity: keys.identity }),
    ),
  );

  const answers = await Promise.all(
    attempts.map((attempt) => enrol(organisation, keys.identity, token, attempt)),
  );

  const statuses = answers.map((answer) => answer.status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(1);
  expect(statuses.filter((status) => status === 401)).toHaveLength(59);
  const refusals = await audited('enrolment refused: token-used');
  expect(refusals).toBe(59);
});

test('a key that another person’s device has is refused, and theirs stays as it is', async () => {
  const alices = newDeviceKeys();
  const { deviceId } = JSON.parse((await enrolAs(alices)).text);

  // Bob somehow holds both private keys, or only the WireGuard one, or only the public one.
  const whole = await enrolAs(alices, BOB);
  const wireguardOnly = await enrolAs({ ...alices, identity: newDeviceKeys().identity }, BOB);
  const publicOnly = await enrolAs(
    { ...newDeviceKeys(), wireguardPublic: alices.wireguardPublic },
    BOB,
  );

  expect([whole, wireguardOnly, publicOnly].map(codeOf)).toEqual([
    'key-in-use',
    'key-in-use',
    'key-proof-wrong',
  ]);
  const device = await organisation.store.db
    .selectFrom('devices')
    .innerJoin('users', 'users.id', 'devices.userId')
    .select('users.email')
    .where('devices.id', '=', deviceId)
    .executeTakeFirst();
  expect(device?.email).toBe('alice@example.com');
});

test('keys of a device that left stay with their person', async () => {
  const keys = newDeviceKeys();
  const { deviceId } = JSON.parse((await enrolAs(keys)).text);
  const left = await leave(keys, deviceId);

  const others = await enrolAs(keys, BOB);
  const own = await enrolAs(keys);

  expect([left.status, codeOf(others), own.status]).toEqual([204, 'key-in-use', 200]);
});

test('other spellings of a WireGuard key, and keys of small order, are refused', async () => {
  const keys = newDeviceKeys();
  const bytes = Buffer.from(keys.wireguardPublic, 'base64');
  const highBit = Buffer.from(bytes);
  highBit[31] = (highBit[31] ?? 0) | 0x80;
  const p = Buffer.from(`ed${'ff'.repeat(30)}7f`, 'hex');
  const one = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)]);
  const spellings = [
    highBit.toString('base64'),
    p.toString('base64'),
    Buffer.alloc(32).toString('base64'),
    one.toString('base64'),
    keys.wireguardPublic.slice(0, -1),
    ` ${keys.wireguardPublic}`,
    bytes.toString('hex'),
    '',
  ];

  for (const wireguardPublic of spellings) {
    const token = await deviceToken(organisation, ALICE, keys.identity);
    const request = { ...(await enrolRequest(organisation, keys)), wireguardKey: wireguardPublic };
    const answer = await enrol(organisation, keys.identity, token, request);
    expect([wireguardPublic, answer.status >= 400 && answer.status < 500]).toEqual([
      wireguardPublic,
      true,
    ]);
  }
});

test('a challenge works once, for two minutes, and only as it was given', async () => {
  const keys = newDeviceKeys();
  const request = await enrolRequest(organisation, keys);
  const send = async (changed: object) =>
    codeOf(
      await enrol(
        organisation,
        keys.identity,
        await deviceToken(organisation, ALICE, keys.identity),
        changed,
      ),
    );
  const flipped = `${request.challengeId.startsWith('A') ? 'B' : 'A'}${request.challengeId.slice(1)}`;

  expect(await send({ ...request, challengeId: flipped })).toBe('challenge-refused');
  expect(await send({ ...request, challengeId: '' })).toBe('challenge-refused');
  expect(await send({ ...request, keyProof: flipped.slice(0, 43) })).toBe('key-proof-wrong');
  expect(await send(request)).toBe('none');
  expect(await send(request)).toBe('challenge-refused');
  const late = await enrolRequest(organisation, keys);
  organisation.wait(121_000);
  expect(await send(late)).toBe('challenge-refused');
});

test('a token is worth nothing without the key that it is bound to', async () => {
  const keys = newDeviceKeys();
  const thief = newDeviceKeys();
  const token = await deviceToken(organisation, ALICE, keys.identity);
  const request = await enrolRequest(organisation, thief);
  const url = `${organisation.url}/v1/devices/enrol`;
  const call = (headers: Record<string, string>) =>
    organisation.visitor().call(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(request),
    });
  const now = Math.floor(organisation.store.clock() / 1000);
  const proofFor = (changes: Partial<Parameters<typeof dpop>[1]>) =>
    dpop(keys.identity, { htm: 'POST', htu: url, token, iat: now, ...changes });

  const answers = {
    otherKey: await enrol(organisation, thief.identity, token, request),
    asBearer: await call({ authorization: `Bearer ${token}` }),
    noProof: await call({ authorization: `DPoP ${token}` }),
    otherMethod: await call({
      authorization: `DPoP ${token}`,
      dpop: await proofFor({ htm: 'GET' }),
    }),
    otherUrl: await call({
      authorization: `DPoP ${token}`,
      dpop: await proofFor({ htu: `${url}/x` }),
    }),
    otherToken: await call({
      authorization: `DPoP ${token}`,
      dpop: await proofFor({ token: 'x' }),
    }),
    old: await call({ authorization: `DPoP ${token}`, dpop: await proofFor({ iat: now - 600 }) }),
    future: await call({
      authorization: `DPoP ${token}`,
      dpop: await proofFor({ iat: now + 600 }),
    }),
  };

  expect(Object.entries(answers).map(([name, answer]) => [name, answer.status])).toEqual(
    Object.keys(answers).map((name) => [name, 401]),
  );
});

test('a captured proof is no good for another path, method or body, for later, or for another device', async () => {
  const keys = newDeviceKeys();
  const { deviceId } = JSON.parse((await enrolAs(keys)).text);
  const path = '/v1/device/leave';
  const now = organisation.store.clock();
  const sign = (
    call: Partial<Parameters<typeof makeProof>[2]>,
    at = now,
    id = deviceId,
    identity = keys.identity,
  ) => makeProof(identity, id, { method: 'POST', path, body: '{}', ...call }, at);
  const alg = Buffer.from('{"alg":"none"}').toString('base64url');
  const refused: [string, string][] = [
    ['proof-of-another-call', await sign({ path: '/v1/device/stream' })],
    ['proof-of-another-call', await sign({ path: `${path}?x=1` })],
    ['proof-of-another-call', await sign({ method: 'GET' })],
    ['proof-of-another-call', await sign({ body: '{"x":1}' })],
    ['proof-of-another-call', await sign({ body: '' })],
    ['proof-time', await sign({}, now - 62_000)],
    ['proof-time', await sign({}, now + 62_000)],
    ['unknown-device', await sign({}, now, 'dev_00000000000000000000')],
    ['proof-wrong', await sign({}, now, deviceId, newDeviceKeys().identity)],
    ['proof-wrong', (await sign({})).replace(/\.[^.]+$/, '.AAAA')],
    ['proof-wrong', (await sign({})).replace(/^[^.]+/, alg)],
    ['proof-wrong', 'x'.repeat(4000)],
    ['proof-wrong', ''],
  ];

  for (const [code, proof] of refused) {
    const answer = await sendLeave(proof);
    expect([answer.status, codeOf(answer), proof]).toEqual([401, code, proof]);
  }
  expect((await sendLeave(await sign({}))).status).toBe(204);
});

test('a proof counts once, also when twenty copies arrive at the same moment', async () => {
  const keys = newDeviceKeys();
  const { deviceId } = JSON.parse((await enrolAs(keys)).text);
  const call = { method: 'GET', path: '/v1/device/stream', body: '' };
  const proof = await makeProof(keys.identity, deviceId, call, organisation.store.clock());

  const copies = await Promise.allSettled(
    Array.from({ length: 20 }, () =>
      organisation.built.gateway.proofs.peer({ ...call, proof }, 'device'),
    ),
  );

  const refusals = copies
    .filter((copy) => copy.status === 'rejected')
    .map((copy) => copy.reason.code);
  expect(copies.filter((copy) => copy.status === 'fulfilled')).toHaveLength(1);
  expect(refusals).toEqual(Array.from({ length: 19 }, () => 'proof-replayed'));
});

test('the audit log of all that is whole', async () => {
  expect(await findBrokenAudit(organisation.store.db)).toBeUndefined();
});

async function enrolAs(keys: DeviceKeys, user = ALICE): Promise<Seen> {
  const token = await deviceToken(organisation, user, keys.identity);
  return enrol(organisation, keys.identity, token, await enrolRequest(organisation, keys));
}

async function leave(keys: DeviceKeys, deviceId: string): Promise<Seen> {
  const call = { method: 'POST', path: '/v1/device/leave', body: '{}' };
  return sendLeave(await makeProof(keys.identity, deviceId, call, organisation.store.clock()));
}

function sendLeave(proof: string): Promise<Seen> {
  return organisation.visitor().call(`${organisation.url}/v1/device/leave`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'culvert-proof': proof },
    body: '{}',
  });
}

function codeOf(answer: Seen): string {
  return answer.status === 200 ? 'none' : (JSON.parse(answer.text) as { code: string }).code;
}

async function sessionOf(deviceId: string): Promise<number> {
  const row = await organisation.store.db
    .selectFrom('devices')
    .select('sessionExpiresAt')
    .where('id', '=', deviceId)
    .executeTakeFirstOrThrow();
  return row.sessionExpiresAt;
}

async function audited(what: string): Promise<number> {
  const rows = await organisation.store.db
    .selectFrom('audit')
    .select('id')
    .where('what', '=', what)
    .execute();
  return rows.length;
}
