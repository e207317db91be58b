/**
 * The sign-in itself: code + PKCE S256 with a loopback redirect (RFC 8252), tokens bound to the identity key (RFC 9449).
 * The verifier and every token stay in this process; the front end only carries the callback's query here.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Agent } from 'node:https';
import * as oauth from 'openid-client';
import {
  DEVICE_CLIENT_ID,
  DEVICE_REDIRECT_PATH,
  DEVICE_SCOPE,
} from '../../../gateway/contract/device-api.ts';
import { callGateway } from '../../../gateway/trust/gateway-call.ts';
import type { Identity } from '../../../gateway/trust/identity.ts';
import { Fault, reasonOf } from '../../contract/problem.ts';

export interface PendingGrant {
  authorizeUrl: string;
  state: string;
  verifier: string;
  nonce: string;
  redirectUri: string;
  configuration: oauth.Configuration;
}

export interface EnrolToken {
  accessToken: string;
  /** Sends one call with the token and its DPoP proof. */
  call(url: URL, body: string): Promise<Response>;
}

const ANSWER_LIMIT_BYTES = 256 * 1024;

export async function beginGrant(
  issuer: string,
  redirectPort: number,
  agent: Agent,
): Promise<PendingGrant> {
  const configuration = await discover(issuer, agent);
  const redirectUri = `http://127.0.0.1:${redirectPort}${DEVICE_REDIRECT_PATH}`;
  const verifier = oauth.randomPKCECodeVerifier();
  const [state, nonce] = [oauth.randomState(), oauth.randomNonce()];
  const authorizeUrl = oauth.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: DEVICE_SCOPE,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  });
  return { authorizeUrl: authorizeUrl.href, state, verifier, nonce, redirectUri, configuration };
}

/** A callback that does not carry this grant's state is somebody else's; it must not use the grant up. */
export function isCallbackOf(grant: PendingGrant, callback: string): boolean {
  const states = new URLSearchParams(callback).getAll('state');
  return states.length === 1 && states[0] === grant.state;
}

export async function finishGrant(
  grant: PendingGrant,
  callback: string,
  identity: Identity,
): Promise<EnrolToken> {
  const dpop = await dpopHandle(grant.configuration, identity);
  const url = new URL(`${grant.redirectUri}?${callback}`);
  const checks = {
    pkceCodeVerifier: grant.verifier,
    expectedState: grant.state,
    expectedNonce: grant.nonce,
    idTokenExpected: true,
  };
  try {
    const tokens = await oauth.authorizationCodeGrant(grant.configuration, url, checks, undefined, {
      DPoP: dpop,
    });
    return {
      accessToken: tokens.access_token,
      call: (target, body) =>
        callWithToken(grant.configuration, tokens.access_token, target, body, dpop),
    };
  } catch (cause) {
    throw grantFault(cause);
  }
}

function callWithToken(
  configuration: oauth.Configuration,
  token: string,
  url: URL,
  body: string,
  dpop: oauth.DPoPHandle,
): Promise<Response> {
  const headers = new Headers({ 'content-type': 'application/json' });
  return oauth.fetchProtectedResource(configuration, token, url, 'POST', body, headers, {
    DPoP: dpop,
  });
}

async function discover(issuer: string, agent: Agent): Promise<oauth.Configuration> {
  const options = { [oauth.customFetch]: fetchThrough(agent), timeout: 10 };
  try {
    const server = new URL(issuer);
    return await oauth.discovery(server, DEVICE_CLIENT_ID, undefined, oauth.None(), options);
  } catch (cause) {
    throw new Fault('gateway-answer', { gateway: issuer, reason: reasonOf(cause) }, cause);
  }
}

async function dpopHandle(
  configuration: oauth.Configuration,
  identity: Identity,
): Promise<oauth.DPoPHandle> {
  const { publicJwk } = identity;
  const privateKey = identity.privateKey.toCryptoKey('Ed25519', false, ['sign']);
  const publicKey = await crypto.subtle.importKey('jwk', publicJwk, 'Ed25519', true, ['verify']);
  return oauth.getDPoPHandle(configuration, { privateKey, publicKey });
}

/** openid-client speaks fetch; Node's fetch cannot take an agent that checks pins, so this carries one over ours. */
function fetchThrough(agent: Agent): oauth.CustomFetch {
  return async (url, options) => {
    const target = new URL(url);
    const answer = await callGateway({
      gateway: target.origin,
      path: target.pathname + target.search,
      method: options.method === 'POST' ? 'POST' : 'GET',
      headers: options.headers,
      agent,
      maxBytes: ANSWER_LIMIT_BYTES,
      ...bodyOf(options.body),
    });
    return new Response(isBodiless(answer.status) ? null : answer.text, {
      status: answer.status,
      headers: answerHeaders(answer.headers),
    });
  };
}

/** A form at the token endpoint, our own JSON at the gateway's calls; nothing else is ever sent. */
function bodyOf(body: oauth.FetchBody): { body?: string } {
  if (body === undefined || body === null) return {};
  if (typeof body === 'string' || body instanceof URLSearchParams) return { body: body.toString() };
  throw new TypeError('a form or text was expected');
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 304;
}

function grantFault(cause: unknown): Fault {
  if (cause instanceof oauth.AuthorizationResponseError) {
    if (cause.error === 'access_denied') return new Fault('login-cancelled', {}, cause);
    return new Fault('login-denied', { reason: cause.error_description ?? cause.error }, cause);
  }
  if (cause instanceof oauth.ResponseBodyError) {
    return new Fault('login-denied', { reason: cause.error_description ?? cause.error }, cause);
  }
  return new Fault('login-denied', { reason: reasonOf(cause) }, cause);
}

function answerHeaders(headers: IncomingHttpHeaders): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (value === undefined) return [];
    return Array.isArray(value)
      ? value.map((each): [string, string] => [name, each])
      : [[name, value]];
  });
}
