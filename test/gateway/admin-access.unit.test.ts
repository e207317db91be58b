import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_ACCESS } from '../../gateway/control/http/admin-access.ts';
import { makeProof } from '../../gateway/trust/proof.ts';
import { ALICE, BOB, type Organisation, startOrganisation } from './organisation.ts';
import { deviceToken, enrol, enrolRequest, newDeviceKeys, signedIn } from './sign-in.ts';
import type { Visitor } from './visitor.ts';

const CAROL = { ...BOB, username: 'carol', email: 'carol@example.com', name: 'Carol' };

let organisation: Organisation;
let people: Record<'owner' | 'admin' | 'member', Visitor>;
beforeAll(async () => {
  organisation = await startOrganisation({ users: [ALICE, BOB, CAROL] });
  people = {
    owner: await signedIn(organisation, ALICE),
    admin: await signedIn(organisation, CAROL),
    member: await signedIn(organisation, BOB),
  };
  await organisation.store.db
    .updateTable('users')
    .set({ role: 'admin' })
    .where('email', '=', CAROL.email)
    .execute();
});
afterAll(() => organisation[Symbol.asyncDispose]());

const routes = Object.entries(ADMIN_ACCESS).map(([route, roles]) => {
  const [method = '', path = ''] = route.split(' ');
  return { route, method, path: path.replace(':id', 'xxx_00000000000000000000'), roles };
});

test.for(routes)(
  '$route lets in exactly the roles of the table',
  async ({ method, path, roles }) => {
    // Each of these would end the session or stay open for ever, and has a test of its own.
    if (path === 'session/end' || path === 'events') return;
    const url = `${organisation.url}/v1/admin/${path}`;
    const call = (visitor: Visitor, headers: Record<string, string> = { 'culvert-csrf': '1' }) =>
      visitor.call(url, { method, headers: { 'content-type': 'application/json', ...headers } });

    const stranger = await call(organisation.visitor());
    expect([stranger.status, JSON.parse(stranger.text).code]).toEqual([401, 'not-signed-in']);
    for (const [role, visitor] of Object.entries(people)) {
      const { status } = await call(visitor);
      const isLetIn = (roles as readonly string[]).includes(role);
      expect([role, status === 401 || status === 403]).toEqual([role, !isLetIn]);
    }
    if (method !== 'GET') {
      const forged = await call(people.owner, {});
      expect([forged.status, JSON.parse(forged.text).code]).toEqual([403, 'csrf']);
    }
  },
);

test('every route that is served below /v1/admin is in the table, and the other way round', async () => {
  const document = JSON.parse(
    (await organisation.visitor().open(`${organisation.url}/v1/openapi.json`)).text,
  );
  const served = Object.entries(document.paths as Record<string, object>)
    .filter(([path]) => path.startsWith('/v1/admin/'))
    .flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.slice(10)}`),
    )
    .map((route) => route.replace('{id}', ':id'));

  expect(document.openapi).toBe('3.1.0');
  expect(served.sort()).toEqual(Object.keys(ADMIN_ACCESS).sort());
});

test('a device’s proof and token open nothing below /v1/admin', async () => {
  const keys = newDeviceKeys();
  const token = await deviceToken(organisation, ALICE, keys.identity);
  const answer = await enrol(
    organisation,
    keys.identity,
    token,
    await enrolRequest(organisation, keys),
  );
  const { deviceId } = JSON.parse(answer.text);
  const call = { method: 'GET', path: '/v1/admin/devices', body: '' };

  const seen = await organisation.visitor().call(organisation.url + call.path, {
    method: 'GET',
    headers: {
      authorization: `DPoP ${await deviceToken(organisation, ALICE, keys.identity)}`,
      'culvert-proof': await makeProof(keys.identity, deviceId, call),
    },
  });

  expect(seen.status).toBe(401);
});

test('a body that reaches for a prototype, is too large or is no JSON is refused in words', async () => {
  const post = (body: string) =>
    people.owner.call(`${organisation.url}/v1/admin/networks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'culvert-csrf': '1' },
      body,
    });

  const answers = [
    await post('{"name":"x","__proto__":{"a":1}}'),
    await post('{'),
    await post(`"${'x'.repeat(70_000)}"`),
  ];

  expect(answers.map((answer) => [answer.status, JSON.parse(answer.text).code])).toEqual([
    [400, 'bad-request'],
    [400, 'bad-request'],
    [413, 'too-large'],
  ]);
});

test('every answer carries the headers that keep a browser strict', async () => {
  for (const path of [
    '/',
    '/join',
    '/v1/admin/session',
    '/oauth/.well-known/openid-configuration',
    '/nowhere',
  ]) {
    const { headers } = await organisation.visitor().open(organisation.url + path);
    expect([path, headers['content-security-policy']]).toEqual([
      path,
      expect.stringContaining("default-src 'none'"),
    ]);
    expect([path, headers['x-content-type-options']]).toEqual([path, 'nosniff']);
  }
});

test('guessing a set-up code is slowed down', async () => {
  const statuses: number[] = [];
  for (let attempt = 0; attempt < 25; attempt += 1) {
    const { status } = await organisation.visitor().call(`${organisation.url}/v1/setup`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    statuses.push(status);
  }

  expect(statuses.filter((status) => status === 400)).toHaveLength(20);
  expect(statuses.filter((status) => status === 429)).toHaveLength(5);
});
