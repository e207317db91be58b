/** What people and devices do to sign in, step by step, as a browser and an app would. */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { generateIdentity, type Identity } from '../../gateway/trust/identity.ts';
import { answerKeyChallenge } from '../../gateway/trust/proof.ts';
import type { IdentityUser } from '../lab/identity-provider.ts';
import type { Organisation } from './organisation.ts';
import type { Seen, Visitor } from './visitor.ts';

export const CALLBACK = 'http://127.0.0.1:49152/cb';

export interface DeviceKeys {
  identity: Identity;
  wireguardPrivate: string;
  wireguardPublic: string;
}

/** Fills the provider's login page wherever the visitor stands. */
export function logIn(
  visitor: Visitor,
  page: Seen,
  user: IdentityUser,
  password = user.password,
): Promise<Seen> {
  return visitor.submit(page, { username: user.username, password, decision: 'sign-in' });
}

/** A browser that is signed in to the dashboard. */
export async function signedIn(organisation: Organisation, user: IdentityUser): Promise<Visitor> {
  const visitor = organisation.visitor();
  await logIn(visitor, await visitor.open(`${organisation.url}/login`), user);
  return visitor;
}

export function newDeviceKeys(): DeviceKeys {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return {
    identity: generateIdentity(),
    wireguardPrivate: privateKey
      .export({ type: 'pkcs8', format: 'der' })
      .subarray(-32)
      .toString('base64'),
    wireguardPublic: publicKey
      .export({ type: 'spki', format: 'der' })
      .subarray(-32)
      .toString('base64'),
  };
}

export interface Authorisation {
  url: URL;
  state: string;
  verifier: string;
}

export function authorisation(
  organisation: Organisation,
  changes: Record<string, string> = {},
): Authorisation {
  const state = randomBytes(16).toString('base64url');
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL(`${organisation.url}/oauth/auth`);
  url.search = new URLSearchParams({
    client_id: 'culvert-device',
    response_type: 'code',
    scope: 'openid enrol',
    redirect_uri: CALLBACK,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...changes,
  }).toString();
  return { url, state, verifier };
}

/** From the app's click to the code at its loopback listener. */
export async function authoriseDevice(
  organisation: Organisation,
  user: IdentityUser,
  decision = 'allow',
) {
  const visitor = organisation.visitor();
  const asked = authorisation(organisation);
  const consent = await logIn(visitor, await visitor.open(asked.url), user);
  const back = await visitor.submit(consent, { decision });
  const code = back.url.searchParams.get('code') ?? '';
  return { ...asked, visitor, consent, back: back.url, code };
}

export function dpop(
  identity: Identity,
  call: { htm: string; htu: string; token?: string; iat?: number },
): Promise<string> {
  const ath =
    call.token === undefined
      ? {}
      : { ath: createHash('sha256').update(call.token).digest('base64url') };
  return new SignJWT({
    htm: call.htm,
    htu: call.htu,
    jti: randomBytes(16).toString('base64url'),
    ...ath,
  })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'dpop+jwt', jwk: identity.publicJwk })
    .setIssuedAt(call.iat)
    .sign(identity.privateKey);
}

export async function exchangeCode(
  organisation: Organisation,
  identity: Identity,
  code: string,
  verifier: string,
): Promise<Seen> {
  const htu = `${organisation.url}/oauth/token`;
  return organisation.visitor().call(htu, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      dpop: await dpop(identity, { htm: 'POST', htu }),
    },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: 'culvert-device',
      redirect_uri: CALLBACK,
      code,
      code_verifier: verifier,
    }).toString(),
  });
}

export async function deviceToken(
  organisation: Organisation,
  user: IdentityUser,
  identity: Identity,
): Promise<string> {
  const { code, verifier } = await authoriseDevice(organisation, user);
  const answer = await exchangeCode(organisation, identity, code, verifier);
  return (JSON.parse(answer.text) as { access_token: string }).access_token;
}

export async function enrolRequest(organisation: Organisation, keys: DeviceKeys) {
  const answer = await organisation
    .visitor()
    .call(`${organisation.url}/v1/devices/challenge`, { method: 'POST' });
  const challenge = JSON.parse(answer.text);
  return {
    challengeId: challenge.challengeId as string,
    keyProof: answerKeyChallenge(
      challenge,
      keys.wireguardPrivate,
      keys.wireguardPublic,
      keys.identity,
    ),
    wireguardKey: keys.wireguardPublic,
    name: 'laptop',
    os: 'linux',
    clientVersion: '0.1.0',
  };
}

export async function enrol(
  organisation: Organisation,
  identity: Identity,
  token: string,
  request: object,
): Promise<Seen> {
  const htu = `${organisation.url}/v1/devices/enrol`;
  return organisation.visitor().call(htu, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `DPoP ${token}`,
      dpop: await dpop(identity, {
        htm: 'POST',
        htu,
        token,
        iat: Math.floor(organisation.store.clock() / 1000),
      }),
    },
    body: JSON.stringify(request),
  });
}
