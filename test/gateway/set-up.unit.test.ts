import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchTrust, verifyStatement } from '../../gateway/trust/statement.ts';
import { ALICE, CLIENT, type Organisation, startOrganisation } from './organisation.ts';
import { logIn } from './sign-in.ts';

let organisation: Organisation;
beforeEach(async () => {
  organisation = await startOrganisation({ isNew: true });
});
afterEach(() => organisation[Symbol.asyncDispose]());

test('the printed link leads through one page to an owner who is signed in', async () => {
  const visitor = organisation.visitor();
  const form = await visitor.open(organisation.built.setupLink ?? '');

  const login = await visitor.submit(form, {
    organisation: 'Example <Ltd>',
    issuer: organisation.provider.issuer,
    clientId: CLIENT.clientId,
    clientSecret: CLIENT.clientSecret,
    groupsClaim: 'groups',
    ownerEmail: 'Alice@Example.com',
  });
  await logIn(visitor, login, ALICE);

  const session = await visitor.call(`${organisation.url}/v1/admin/session`, { method: 'GET' });
  expect(form.text).toContain(`${organisation.url}/login/callback`);
  expect(JSON.parse(session.text)).toMatchObject({
    role: 'owner',
    organisation: { name: 'Example <Ltd>' },
  });
  const join = await visitor.open(`${organisation.url}/join`);
  expect(join.text).toContain('Join Example &#60;Ltd&#62;');
});

test('a wrong code, a used code and a code after a day are all refused', async () => {
  const other = await post({ code: 'guess' });
  const genuine = await post({});
  const again = await post({});

  expect([other, genuine, again]).toEqual(['setup-closed', 'done', 'setup-closed']);
});

test('the link ends after 24 hours', async () => {
  organisation.wait(24 * 3_600_000);

  const page = await organisation.visitor().open(organisation.built.setupLink ?? '');

  expect([page.status, await post({})]).toEqual([403, 'setup-closed']);
  expect(page.text).toContain('restart the gateway');
});

test('of many that use the code at once, one sets up', async () => {
  const outcomes = await Promise.all(Array.from({ length: 15 }, () => post({})));

  expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === 'setup-closed')).toHaveLength(14);
});

test('a provider that does not answer as one is said at once, and the code stays good', async () => {
  const wrong = await post({ issuer: organisation.url });
  const right = await post({});

  expect([wrong, right]).toEqual(['provider-unreachable', 'done']);
});

test('before set-up a sign-in says what is missing', async () => {
  const page = await organisation.visitor().open(`${organisation.url}/login`);

  expect(page.status).toBe(409);
  expect(page.text).toContain('not set up yet');
});

test('a provider that hangs is given up in less than ten seconds, with a sentence', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const { port } = silent.address() as { port: number };
  const start = performance.now();

  const outcome = await post({ issuer: `http://127.0.0.1:${port}` });

  expect(outcome).toBe('provider-unreachable');
  expect(performance.now() - start).toBeLessThan(10_000);
  silent.close();
}, 15_000);

test('first contact trusts this gateway for its fingerprint, and no other', async () => {
  await post({});
  const { fingerprint } = organisation.built.gateway.trust;
  const foreign = `${fingerprint.slice(0, -2)}${fingerprint.endsWith('AA') ? 'BA' : 'AA'}`;

  const trusted = await fetchTrust(organisation.url, fingerprint);
  const refused = await fetchTrust(organisation.url, foreign);
  const later = await verifyStatement(
    await organisation.built.gateway.trust.signStatement(),
    fingerprint,
    Date.now() + 25 * 3_600_000,
  );

  expect(trusted).toMatchObject({
    kind: 'trusted',
    trust: {
      statement: { organisation: { name: 'Example' }, issuer: `${organisation.url}/oauth` },
    },
  });
  expect(refused).toMatchObject({ kind: 'refused', reason: 'other-organisation' });
  expect(later).toMatchObject({ kind: 'refused', reason: 'expired' });
});

/** `done`, or the refusal's code. */
async function post(changes: { code?: string; issuer?: string }): Promise<string> {
  const link = new URL(organisation.built.setupLink ?? '');
  const answer = await organisation.visitor().call(`${organisation.url}/v1/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      code: changes.code ?? link.searchParams.get('code'),
      organisation: 'Example',
      provider: { issuer: changes.issuer ?? organisation.provider.issuer, ...CLIENT },
      ownerEmail: 'alice@example.com',
    }),
  });
  return answer.status === 204 ? 'done' : (JSON.parse(answer.text) as { code: string }).code;
}
