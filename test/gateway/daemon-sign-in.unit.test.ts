import { afterAll, beforeAll, expect, test } from 'vitest';
import { enrol } from '../../app/daemon/session/enrol.ts';
import { leave } from '../../app/daemon/session/gateway-client.ts';
import { beginGrant, finishGrant, type PendingGrant } from '../../app/daemon/session/oauth.ts';
import { fetchTrust } from '../../gateway/trust/statement.ts';
import { pinnedAgent } from '../../gateway/trust/tls-pin.ts';
import { ALICE, type Organisation, startOrganisation } from './organisation.ts';
import { logIn, newDeviceKeys } from './sign-in.ts';

let organisation: Organisation;
beforeAll(async () => {
  organisation = await startOrganisation();
});
afterAll(() => organisation[Symbol.asyncDispose]());

test('the device’s own code signs in, enrols over pinned TLS, and leaves again', async () => {
  const { url, built, store } = organisation;
  const first = await fetchTrust(url, built.gateway.trust.fingerprint);
  if (first.kind !== 'trusted') throw new Error(first.message);
  const { trust } = first;
  const agent = pinnedAgent(trust.statement.tlsKeys);
  const keys = newDeviceKeys();

  const grant = await beginGrant(trust.statement.issuer, 49_153, agent);
  const token = await finishGrant(grant, await agreeInBrowser(grant, 'allow'), keys.identity);
  const wireguard = { publicKey: keys.wireguardPublic, reveal: () => keys.wireguardPrivate };
  const device = { name: 'laptop', os: 'linux', osVersion: '12', clientVersion: '0.1.0' } as const;
  const enrolled = await enrol(
    url,
    trust,
    token,
    { identity: keys.identity, wireguard },
    device,
    agent,
  );

  const { deviceId } = enrolled;
  expect(enrolled.received.config).toMatchObject({
    receiver: deviceId,
    user: { email: ALICE.email },
  });
  await leave({
    gateway: url,
    tlsKeys: trust.statement.tlsKeys,
    identity: keys.identity,
    deviceId,
  });
  expect(
    await store.db.selectFrom('devices').select('id').where('id', '=', deviceId).execute(),
  ).toEqual([]);
});

test('it hears of a person who cancels', async () => {
  const agent = pinnedAgent([organisation.built.gateway.tls.pin]);
  const grant = await beginGrant(`${organisation.url}/oauth`, 49_153, agent);

  const callback = await agreeInBrowser(grant, 'cancel');

  await expect(finishGrant(grant, callback, newDeviceKeys().identity)).rejects.toMatchObject({
    code: 'login-cancelled',
  });
});

/** The query that the app's loopback listener would get. */
async function agreeInBrowser(grant: PendingGrant, decision: string): Promise<string> {
  const visitor = organisation.visitor();
  const consent = await logIn(visitor, await visitor.open(grant.authorizeUrl), ALICE);
  const back = await visitor.submit(consent, { decision });
  return back.url.search.slice(1);
}
