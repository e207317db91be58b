import { afterAll, beforeAll, expect, test } from 'vitest';
import { ALICE, BOB, type Organisation, startOrganisation } from './organisation.ts';
import {
  authorisation,
  authoriseDevice,
  exchangeCode,
  logIn,
  newDeviceKeys,
  signedIn,
} from './sign-in.ts';

let organisation: Organisation;
beforeAll(async () => {
  organisation = await startOrganisation({
    users: [
      ALICE,
      BOB,
      { ...BOB, username: 'eve', email: 'alice@example.com', emailVerified: false },
      { ...BOB, username: 'twin', email: 'ALICE@example.com' },
    ],
  });
});
afterAll(() => organisation[Symbol.asyncDispose]());

test('the named owner signs in through the provider and is the owner, with groups', async () => {
  const visitor = await signedIn(organisation, ALICE);

  const session = await visitor.call(`${organisation.url}/v1/admin/session`, { method: 'GET' });

  expect(JSON.parse(session.text)).toMatchObject({
    user: { email: 'alice@example.com', name: 'Alice Example' },
    role: 'owner',
    organisation: { name: 'Example' },
    joinLink: expect.stringMatching(/^https:\/\/localhost:\d+\/join#[\w-]{43}$/),
  });
  const groups = await organisation.store.db
    .selectFrom('userGroups')
    .select('name')
    .distinct()
    .execute();
  expect(groups.map((group) => group.name)).toContain('admins');
});

test('everybody else is a member: signed in, and shut out of administration', async () => {
  const visitor = await signedIn(organisation, BOB);

  const session = await visitor.call(`${organisation.url}/v1/admin/session`, { method: 'GET' });

  expect(JSON.parse(session.text)).toMatchObject({ role: 'member' });
});

test('a second person with the owner’s address does not become the owner', async () => {
  await signedIn(organisation, ALICE);
  const visitor = organisation.visitor();
  await logIn(visitor, await visitor.open(`${organisation.url}/login`), {
    ...BOB,
    username: 'twin',
  });

  const session = await visitor.call(`${organisation.url}/v1/admin/session`, { method: 'GET' });

  expect(JSON.parse(session.text)).toMatchObject({ role: 'member' });
});

test('an address that the provider does not call verified is refused with a sentence', async () => {
  const visitor = organisation.visitor();

  const page = await logIn(visitor, await visitor.open(`${organisation.url}/login`), {
    ...BOB,
    username: 'eve',
  });

  expect(page.status).toBe(403);
  expect(page.text).toContain('no verified e-mail address');
  expect(visitor.cookie(organisation.url, '__Host-culvert')).toBeUndefined();
});

test('an address of which the provider says nothing is refused, with what an administrator can do', async () => {
  const page = await logInAsSilent([]);

  expect(page.status).toBe(403);
  expect(page.text).toContain('does not say whether silent@example.com is verified');
  expect(page.text).toContain('--provider-verifies-email');
});

test('… and is good where the gateway is told that the provider verifies every address', async () => {
  const page = await logInAsSilent(['--provider-verifies-email']);

  expect(page.status).toBe(200);
});

test('a wrong password stays at the provider, which says so', async () => {
  const visitor = organisation.visitor();

  const page = await logIn(
    visitor,
    await visitor.open(`${organisation.url}/login`),
    ALICE,
    'wrong',
  );

  expect(page.url.origin).toBe(organisation.provider.issuer);
  expect(page.text).toContain('Wrong user name or password.');
});

test('a login cancelled at the provider says so and signs nobody in', async () => {
  const visitor = organisation.visitor();
  const login = await visitor.open(`${organisation.url}/login`);

  const page = await visitor.submit(login, { decision: 'cancel' });

  expect(page.url.origin).toBe(organisation.url);
  expect(page.text).toContain('You cancelled the sign-in');
  expect(visitor.cookie(organisation.url, '__Host-culvert')).toBeUndefined();
});

test('an answer with a wrong state, or in another browser, or for the second time is refused', async () => {
  const visitor = organisation.visitor();
  const other = organisation.visitor();
  await visitor.open(`${organisation.url}/login`);
  await other.open(`${organisation.url}/login`);

  const forged = await visitor.open(
    `${organisation.url}/login/callback?state=forged&code=anything`,
  );
  const login = await visitor.open(`${organisation.url}/login`);
  const sent = await visitor.call(login.url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      username: 'bob',
      password: 'battery staple',
      decision: 'sign-in',
    }).toString(),
  });
  const resumed = await visitor.call(new URL(sent.headers.location ?? '', login.url), {
    method: 'GET',
  });
  const callback = resumed.headers.location ?? '';
  const stolen = await other.open(callback);
  const genuine = await visitor.open(callback);
  const again = await visitor.open(callback);

  expect([forged.status, stolen.status, genuine.status, again.status]).toEqual([
    400, 400, 200, 400,
  ]);
  expect(again.text).toContain('not waiting any more');
});

test('the session cookie is the browser’s alone, and the store holds only its hash', async () => {
  const visitor = organisation.visitor();
  const login = await visitor.open(`${organisation.url}/login`);
  await logIn(visitor, login, BOB);
  const secret = visitor.cookie(organisation.url, '__Host-culvert') ?? 'none';

  const rows = await organisation.store.db.selectFrom('browserSessions').select('idHash').execute();

  expect(secret).toMatch(/^[\w-]{43}$/);
  expect(JSON.stringify(rows)).not.toContain(secret);
});

test('signing out needs the header that no other site can send, and then ends the session', async () => {
  const visitor = await signedIn(organisation, BOB);
  const end = `${organisation.url}/v1/admin/session/end`;

  const forged = await visitor.call(end, { method: 'POST' });
  const genuine = await visitor.call(end, { method: 'POST', headers: { 'culvert-csrf': '1' } });
  const after = await visitor.call(`${organisation.url}/v1/admin/session`, { method: 'GET' });

  expect([forged.status, genuine.status, after.status]).toEqual([403, 204, 401]);
});

test('a return address leads nowhere but to the gateway itself', async () => {
  for (const path of [
    '//evil.example/',
    '/\\evil.example',
    'https://evil.example',
    '/%0d%0aset-cookie:x',
    'javascript:1',
  ]) {
    const visitor = organisation.visitor();
    const login = await visitor.open(
      `${organisation.url}/login?return_to=${encodeURIComponent(path)}`,
    );

    const page = await logIn(visitor, login, BOB);

    expect([path, page.url.origin]).toEqual([path, organisation.url]);
  }
});

test('a device gets a code only after the person agreed on a page that names them', async () => {
  const { consent, back, state } = await authoriseDevice(organisation, ALICE);

  expect(consent.text).toContain('Sign in on this device as alice@example.com?');
  expect(consent.headers['content-security-policy']).toContain("default-src 'none'");
  expect(back.searchParams.get('state')).toBe(state);
  expect(back.searchParams.get('code')).toBeTruthy();
});

test('cancelling on that page tells the app access_denied', async () => {
  const { back } = await authoriseDevice(organisation, ALICE, 'cancel');

  expect(back.searchParams.get('error')).toBe('access_denied');
  expect(back.searchParams.get('code')).toBeNull();
});

test('the consent form of another page does not count', async () => {
  const visitor = organisation.visitor();
  const consent = await logIn(visitor, await visitor.open(authorisation(organisation).url), ALICE);
  const send = (headers: Record<string, string>, body: string) =>
    visitor.call(consent.url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body,
    });
  const csrf = /name="csrf" value="([^"]*)"/.exec(consent.text)?.[1] ?? '';

  const withoutToken = await send({}, 'decision=allow&csrf=guess');
  const foreign = await send({ origin: 'https://evil.example' }, `decision=allow&csrf=${csrf}`);

  expect([withoutToken.status, foreign.status]).toEqual([403, 403]);
});

test('a second person in the same browser signs a device in as themselves', async () => {
  const visitor = organisation.visitor();
  const first = await logIn(visitor, await visitor.open(authorisation(organisation).url), ALICE);
  await visitor.submit(first, { decision: 'allow' });

  const consent = await visitor.open(authorisation(organisation).url);
  const link = /href="([^"]*again=1)"/.exec(consent.text)?.[1]?.replaceAll('&#38;', '&') ?? '';
  const leaving = await logIn(visitor, await visitor.open(new URL(link, consent.url)), BOB);
  // The provider ends Alice's session with a form that a browser sends by itself.
  const other = await visitor.submit(leaving, {});

  expect(consent.text).toContain('alice@example.com?');
  expect(other.text).toContain('bob@example.com?');
});

test('a redirect that differs in anything but its port is refused on the spot', async () => {
  const wrong = [
    'http://localhost:49152/cb',
    'http://127.0.0.1:49152/cb/',
    'http://127.0.0.1:49152/cb?x=1',
    'http://127.0.0.1:49152/CB',
    'http://127.0.0.1.evil.example:49152/cb',
    'http://user@127.0.0.1:49152/cb',
    'https://127.0.0.1:49152/cb',
    'http://127.0.0.2:49152/cb',
  ];
  for (const redirect of wrong) {
    const page = await organisation
      .visitor()
      .open(authorisation(organisation, { redirect_uri: redirect }).url);
    expect([redirect, page.status, page.url.origin]).toEqual([redirect, 400, organisation.url]);
  }
});

test('a request without PKCE, or with the plain method, gets an error and no code', async () => {
  for (const changes of [{ code_challenge: '' }, { code_challenge_method: 'plain' }]) {
    const back = await organisation
      .visitor()
      .open(authorisation(organisation, changes as Record<string, string>).url);
    expect(back.url.searchParams.get('error')).toBe('invalid_request');
  }
});

test('a code counts once, only with its verifier, and its token is bound to the key that fetched it', async () => {
  const { identity } = newDeviceKeys();
  const first = await authoriseDevice(organisation, ALICE);
  const second = await authoriseDevice(organisation, ALICE);

  const wrongVerifier = await exchangeCode(organisation, identity, first.code, second.verifier);
  const genuine = await exchangeCode(organisation, identity, second.code, second.verifier);
  const again = await exchangeCode(organisation, identity, second.code, second.verifier);

  expect([wrongVerifier.status, genuine.status, again.status]).toEqual([400, 200, 400]);
  expect(JSON.parse(genuine.text)).toMatchObject({ token_type: 'DPoP', scope: 'openid enrol' });
});

test('no code, token or session of the authorisation server can be read from its table', async () => {
  const { code, visitor } = await authoriseDevice(organisation, ALICE);

  const rows = await organisation.store.db.selectFrom('oauthPayloads').selectAll().execute();

  const secrets = [code, ...visitor.cookieValues(organisation.url)];
  expect(rows.length).toBeGreaterThan(1);
  expect(secrets.length).toBeGreaterThan(1);
  for (const secret of secrets) expect(JSON.stringify(rows)).not.toContain(secret);
});

async function logInAsSilent(args: string[]) {
  const silent = { ...BOB, username: 'silent', email: 'silent@example.com', emailVerified: null };
  await using other = await startOrganisation({ users: [silent], args });
  const visitor = other.visitor();
  return await logIn(visitor, await visitor.open(`${other.url}/login`), silent);
}
