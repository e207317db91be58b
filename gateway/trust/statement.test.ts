import { afterEach, beforeAll, expect, test } from 'vitest';
import { TRUST_PATH, type TrustStatement } from '../contract/trust.ts';
import { callGateway } from './gateway-call.ts';
import { fetchTrust, verifyStatement } from './statement.ts';
import {
  makeCertificate,
  makeOrganisation,
  signTrust,
  startGateway,
  statementOf,
  type TestCertificate,
  type TestGateway,
} from './test-organisation.ts';
import { PinMismatch, pinnedAgent } from './tls-pin.ts';

const organisation = makeOrganisation();
let certificate: TestCertificate;
let gateway: TestGateway | undefined;

beforeAll(() => {
  certificate = makeCertificate();
});
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
});

test('a statement whose key, signature and TLS key agree with the fingerprint is trusted', async () => {
  gateway = await serve({ tlsKeys: [certificate.pin] });

  const outcome = await fetchTrust(gateway.origin, organisation.fingerprint);

  expect(outcome.kind).toBe('trusted');
  expect(gateway.seen).toEqual([TRUST_PATH]);
});

test('another organisation at the same address is refused', async () => {
  gateway = await serve({ tlsKeys: [certificate.pin] });

  const outcome = await fetchTrust(gateway.origin, makeOrganisation().fingerprint);

  expect(outcome).toMatchObject({ kind: 'refused', reason: 'other-organisation' });
});

test('the right statement relayed over another TLS key is refused', async () => {
  gateway = await serve({ tlsKeys: [makeCertificate().pin] });

  const outcome = await fetchTrust(gateway.origin, organisation.fingerprint);

  expect(outcome).toMatchObject({ kind: 'refused', reason: 'relayed' });
});

test('without a fingerprint a certificate that nobody signed is not enough', async () => {
  gateway = await serve({ tlsKeys: [certificate.pin] });

  const outcome = await fetchTrust(gateway.origin, undefined);

  expect(outcome.kind).toBe('unreachable');
});

test('an expired statement is refused', async () => {
  gateway = await serve({ tlsKeys: [certificate.pin], expiresAt: Date.now() - 1 });

  const outcome = await fetchTrust(gateway.origin, organisation.fingerprint);

  expect(outcome).toMatchObject({ kind: 'refused', reason: 'expired' });
});

test('no single flipped character of a statement is believed', async () => {
  const jws = await signTrust(organisation, statementOf(organisation));

  for (let at = 0; at < jws.length; at += 7) {
    const other = jws[at] === 'A' ? 'B' : 'A';
    const flipped = jws.slice(0, at) + other + jws.slice(at + 1);
    const outcome = await verifyStatement(flipped, organisation.fingerprint, Date.now());
    expect(outcome.kind, `character ${at}`).not.toBe('trusted');
  }
});

test('nothing listening is unreachable, not refused', async () => {
  const outcome = await fetchTrust('https://127.0.0.1:1', organisation.fingerprint);

  expect(outcome.kind).toBe('unreachable');
});

test('a web server that is no gateway is told so', async () => {
  gateway = await startGateway(certificate, () => ({ status: 404, body: 'nothing here' }));

  const outcome = await fetchTrust(gateway.origin, organisation.fingerprint);

  expect(outcome).toMatchObject({ kind: 'refused', reason: 'not-culvert' });
});

test('a pinned agent sends nothing to another TLS key', async () => {
  gateway = await startGateway(certificate, () => ({ status: 200, body: '{}' }));
  const call = { gateway: gateway.origin, path: '/secret', method: 'GET' as const };

  const wrong = callGateway({ ...call, agent: pinnedAgent([makeCertificate().pin]) });

  await expect(wrong).rejects.toBeInstanceOf(PinMismatch);
  expect(gateway.seen).toEqual([]);
  const right = await callGateway({ ...call, agent: pinnedAgent([certificate.pin]) });
  expect(right.status).toBe(200);
});

async function serve(over: Partial<TrustStatement>): Promise<TestGateway> {
  const jws = await signTrust(organisation, statementOf(organisation, over));
  return startGateway(certificate, () => ({ status: 200, body: jws }));
}
