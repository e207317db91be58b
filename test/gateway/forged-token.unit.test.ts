import { exportSPKI, generateKeyPair, importJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Forgery, type ForgingProvider, startForgingProvider } from './forging-provider.ts';
import { CLIENT, type Organisation, startOrganisation } from './organisation.ts';

let organisation: Organisation;
let provider: ForgingProvider;
beforeAll(async () => {
  provider = await startForgingProvider(CLIENT.clientId);
  organisation = await startOrganisation({ args: ['--provider-issuer', provider.issuer] });
});
afterAll(async () => {
  provider.close();
  await organisation[Symbol.asyncDispose]();
});

test('the honest token of this provider signs in, so that the refusals below mean something', async () => {
  provider.forge = (forgery) => signed(forgery, {});

  expect(await outcome()).toBe('signed in');
});

const now = () => Math.floor(Date.now() / 1000);

test.for<[string, (forgery: Forgery) => Promise<string>]>([
  ['another issuer', (f) => signed(f, { iss: 'https://accounts.google.com' })],
  ['no issuer', (f) => signed(f, { iss: undefined })],
  ['another audience', (f) => signed(f, { aud: 'somebody-else' })],
  ['no audience', (f) => signed(f, { aud: undefined })],
  [
    'a second audience and no authorised party',
    (f) => signed(f, { aud: [f.clientId, 'somebody-else'] }),
  ],
  ['another authorised party', (f) => signed(f, { aud: [f.clientId, 'x'], azp: 'x' })],
  ['an expiry in the past', (f) => signed(f, { iat: now() - 7200, exp: now() - 3600 })],
  ['no expiry', (f) => signed(f, { exp: undefined })],
  ['no time of issue', (f) => signed(f, { iat: undefined })],
  ['a start in the future', (f) => signed(f, { nbf: now() + 3600 })],
  ['another login’s nonce', (f) => signed(f, { nonce: 'replayed' })],
  ['no nonce', (f) => signed(f, { nonce: undefined })],
  ['no subject', (f) => signed(f, { sub: undefined })],
  ['a list as subject', (f) => signed(f, { sub: ['alice'] })],
  ['a number as subject', (f) => signed(f, { sub: 1 })],
  ['an empty subject', (f) => signed(f, { sub: '' })],
  [
    'a key that is not published, under the published name',
    async (f) => signed({ ...f, key: await otherKey() }, {}),
  ],
  ['a key name that is not published', (f) => signed(f, {}, { kid: 'bad' })],
  [
    'its own key in the header',
    async (f) => signed({ ...f, key: await otherKey() }, {}, { jwk: f.publicJwk }),
  ],
  [
    'an address of a key set in the header',
    async (f) => signed({ ...f, key: await otherKey() }, {}, { jku: `${f.issuer}/evil` }),
  ],
  ['an unknown critical header', (f) => signed(f, {}, { crit: ['exp-policy'], 'exp-policy': 1 })],
  ['no signature at all', async (f) => unsigned(await signed(f, {}), { alg: 'none' })],
  ['alg none in other letters', async (f) => unsigned(await signed(f, {}), { alg: 'nOnE' })],
  ['the public key used as an HMAC secret', hmacWithPublicKey],
  ['another algorithm of the same key', (f) => signedAs(f, 'PS256')],
  ['a changed payload', async (f) => changed(await signed(f, {}))],
  ['a cut signature', async (f) => (await signed(f, {})).slice(0, -8)],
  ['two parts', async (f) => (await signed(f, {})).split('.').slice(0, 2).join('.')],
  ['nothing', async () => ''],
])('an ID token with %s signs nobody in', async ([, forge]) => {
  provider.forge = forge;

  expect(await outcome()).toBe('502');
});

test('a provider that hangs after the login is given up in less than ten seconds', async () => {
  provider.forge = () => new Promise(() => {});
  const start = performance.now();

  expect(await outcome()).toBe('502');
  expect(performance.now() - start).toBeLessThan(10_000);
}, 15_000);

async function outcome(): Promise<string> {
  const visitor = organisation.visitor();
  const page = await visitor.open(`${organisation.url}/login`);
  const isSignedIn = visitor.cookie(organisation.url, '__Host-culvert') !== undefined;
  return isSignedIn ? 'signed in' : String(page.status);
}

function claimsOf(forgery: Forgery, changes: Record<string, unknown>): Record<string, unknown> {
  return {
    iss: forgery.issuer,
    aud: forgery.clientId,
    sub: 'mallory',
    nonce: forgery.nonce,
    iat: now(),
    exp: now() + 300,
    email: 'mallory@example.com',
    email_verified: true,
    ...changes,
  };
}

function signed(
  forgery: Forgery,
  changes: Record<string, unknown>,
  header: Record<string, unknown> = {},
): Promise<string> {
  const token = new SignJWT(claimsOf(forgery, changes)).setProtectedHeader({
    alg: 'RS256',
    kid: 'good',
    ...header,
  });
  return token.sign(forgery.key, { crit: { 'exp-policy': true } });
}

async function signedAs(forgery: Forgery, alg: string): Promise<string> {
  const jwk = await (await import('jose')).exportJWK(forgery.key);
  const key = await importJWK({ ...jwk, alg }, alg);
  return new SignJWT(claimsOf(forgery, {})).setProtectedHeader({ alg, kid: 'good' }).sign(key);
}

async function hmacWithPublicKey(forgery: Forgery): Promise<string> {
  const key = (await importJWK(forgery.publicJwk, 'RS256', { extractable: true })) as CryptoKey;
  const secret = new TextEncoder().encode(await exportSPKI(key));
  return new SignJWT(claimsOf(forgery, {}))
    .setProtectedHeader({ alg: 'HS256', kid: 'good' })
    .sign(secret);
}

async function otherKey(): Promise<CryptoKey> {
  return (await generateKeyPair('RS256', { extractable: true })).privateKey;
}

function unsigned(token: string, header: object): string {
  const [, payload = ''] = token.split('.');
  return `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}.`;
}

function changed(token: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const text = Buffer.from(payload, 'base64url').toString('utf8').replace('mallory@', 'alice@');
  return [header, Buffer.from(text).toString('base64url'), signature].join('.');
}
