import { createHmac, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { compactVerify } from 'jose';
import { expect, test } from 'vitest';
import { keyProofMessage } from '../contract/proof.ts';
import type { ConnectorConfig } from '../contract/snapshot.ts';
import { exportIdentity, generateIdentity, importIdentity } from './identity.ts';
import { answerKeyChallenge, makeProof } from './proof.ts';
import { type SnapshotReceiver, verifyConnectorSnapshot } from './snapshot.ts';
import { organisationKey } from './statement.ts';
import { makeOrganisation, signSnapshot } from './test-organisation.ts';

const organisation = makeOrganisation();
const NOW = 1_800_000_000_000;

test('a signed snapshot for this receiver is good', async () => {
  const jws = await signSnapshot(organisation, connectorConfig());

  const outcome = await verifyConnectorSnapshot(jws, receiver());

  expect(outcome).toEqual({ kind: 'good', config: connectorConfig() });
});

test.each([
  ['other-receiver', { receiver: 'con-2' }],
  ['older-revision', { revision: 6 }],
  ['expired', { expiresAt: NOW }],
  ['invalid', { mtu: 100 }],
] as const)('a snapshot is refused as %s', async (reason, over) => {
  const jws = await signSnapshot(organisation, { ...connectorConfig(), ...over });

  const outcome = await verifyConnectorSnapshot(jws, receiver());

  expect(outcome).toMatchObject({ kind: 'refused', reason });
});

test('a snapshot signed by another organisation is refused', async () => {
  const jws = await signSnapshot(makeOrganisation(), connectorConfig());

  expect(await verifyConnectorSnapshot(jws, receiver())).toMatchObject({ reason: 'bad-signature' });
});

test('no single flipped character of a snapshot is believed', async () => {
  const jws = await signSnapshot(organisation, connectorConfig());

  for (let at = 0; at < jws.length - 1; at += 11) {
    const flipped = jws.slice(0, at) + (jws[at] === 'A' ? 'B' : 'A') + jws.slice(at + 1);
    const outcome = await verifyConnectorSnapshot(flipped, receiver());
    expect(outcome, `character ${at}`).toMatchObject({ reason: 'bad-signature' });
  }
});

test('an identity survives its file form', () => {
  const identity = generateIdentity();

  const again = importIdentity(exportIdentity(identity));

  expect(again.thumbprint).toBe(identity.thumbprint);
});

test('a proof verifies with the identity and names the call', async () => {
  const identity = generateIdentity();

  const proof = await makeProof(
    identity,
    'con-1',
    { method: 'get', path: '/x?y=1', body: '' },
    NOW,
  );

  const { payload, protectedHeader } = await compactVerify(
    proof,
    createPublicKey(identity.privateKey),
  );
  expect(protectedHeader).toEqual({ alg: 'EdDSA', typ: 'culvert-proof+jwt', kid: 'con-1' });
  expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({
    htm: 'GET',
    htu: '/x?y=1',
    iat: NOW / 1000,
  });
});

test('the key proof is what the gateway computes from its own side', () => {
  const gateway = generateKeyPairSync('x25519');
  const wireguard = generateKeyPairSync('x25519');
  const identity = generateIdentity();
  const challenge = {
    challengeId: 'c',
    publicKey: raw(gateway.publicKey, 'x'),
    nonce: 'n',
    expiresAt: NOW,
  };

  const proof = answerKeyChallenge(
    challenge,
    raw(wireguard.privateKey, 'd'),
    raw(wireguard.publicKey, 'x'),
    identity,
  );

  const shared = diffieHellman({ privateKey: gateway.privateKey, publicKey: wireguard.publicKey });
  const message = keyProofMessage('n', identity.thumbprint, raw(wireguard.publicKey, 'x'));
  expect(proof).toBe(createHmac('sha256', shared).update(message).digest('base64url'));
});

function raw(key: ReturnType<typeof createPublicKey>, member: 'x' | 'd'): string {
  return Buffer.from(key.export({ format: 'jwk' })[member] ?? '', 'base64url').toString('base64');
}

function receiver(): SnapshotReceiver {
  return {
    key: organisationKey(organisation.publicKey),
    fingerprint: organisation.fingerprint,
    id: 'con-1',
    revision: 7,
    now: NOW,
  };
}

function connectorConfig(): ConnectorConfig {
  return {
    kind: 'connector',
    v: 1,
    receiver: 'con-1',
    revision: 7,
    issuedAt: NOW - 1,
    expiresAt: NOW + 1,
    network: { id: 'net-1', name: 'tokyo', ranges: ['192.168.0.0/24'] },
    addresses: { ipv4: '100.96.0.9' },
    mtu: 1420,
    keepaliveSeconds: 5,
    gateways: [],
    overlay: ['100.96.0.0/16'],
  };
}
