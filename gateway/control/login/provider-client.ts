/** The gateway as relying party of the organisation's identity provider (OpenID Connect, code + PKCE). */
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration as Client,
  calculatePKCECodeChallenge,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import type { ProviderSettings } from '../http/configuration.ts';
import { Refusal } from '../http/fault.ts';

/** Of each call to the provider, and of all calls that one login makes: a person is waiting. */
const PATIENCE_SECONDS = 8;
const LOGIN_PATIENCE_MS = 9_000;

export interface LoginStart {
  url: string;
  state: string;
  nonce: string;
  codeVerifier: string;
}

export interface LoginChecks {
  state: string;
  nonce: string;
  codeVerifier: string;
}

/** Claims of the ID token and of userinfo together; still untrusted in their shape. */
export type Claims = Record<string, unknown> & { iss: string; sub: string };

export interface ProviderClient {
  start(settings: ProviderSettings, asksAgain?: boolean): Promise<LoginStart>;
  finish(settings: ProviderSettings, callback: URL, checks: LoginChecks): Promise<Claims>;
  /** Throws a `Refusal` when this is not a provider that can be used. */
  probe(settings: ProviderSettings): Promise<void>;
}

export function makeProviderClient(redirectUri: string, allowsInsecure: boolean): ProviderClient {
  const clients = new Map<string, Promise<Client>>();

  async function clientOf(settings: ProviderSettings): Promise<Client> {
    const key = JSON.stringify(settings);
    const known = clients.get(key) ?? discover(settings, allowsInsecure);
    clients.set(key, known);
    return known.catch((error: unknown) => {
      clients.delete(key);
      throw error;
    });
  }

  return {
    start: async (settings, asksAgain = false) =>
      startLogin(await clientOf(settings), redirectUri, asksAgain),
    probe: async (settings) => void (await clientOf(settings)),
    finish: async (settings, callback, checks) => {
      const client = await clientOf(settings);
      try {
        return await within(LOGIN_PATIENCE_MS, finishLogin(client, callback, checks));
      } catch (cause) {
        // The provider may have changed its keys or endpoints: the next login looks again.
        clients.delete(JSON.stringify(settings));
        throw loginRefusal(cause);
      }
    },
  };
}

async function discover(settings: ProviderSettings, allowsInsecure: boolean): Promise<Client> {
  const issuer = new URL(settings.issuer);
  if (issuer.protocol !== 'https:' && !allowsInsecure) {
    throw new Refusal(
      400,
      'provider-insecure',
      'The identity provider’s address has to start with https://.',
      'provider.issuer',
    );
  }
  try {
    return await discovery(issuer, settings.clientId, settings.clientSecret, undefined, {
      timeout: PATIENCE_SECONDS,
      // Signatures are checked even though the token came straight from the provider over TLS.
      execute: [enableNonRepudiationChecks, ...(allowsInsecure ? [allowInsecureRequests] : [])],
    });
  } catch (cause) {
    throw unreachable(settings.issuer, cause);
  }
}

async function startLogin(
  client: Client,
  redirectUri: string,
  asksAgain: boolean,
): Promise<LoginStart> {
  const login = {
    state: randomState(),
    nonce: randomNonce(),
    codeVerifier: randomPKCECodeVerifier(),
  };
  const url = buildAuthorizationUrl(client, {
    redirect_uri: redirectUri,
    scope: scopesOf(client),
    state: login.state,
    nonce: login.nonce,
    code_challenge: await calculatePKCECodeChallenge(login.codeVerifier),
    code_challenge_method: 'S256',
    ...(asksAgain ? { prompt: 'login' } : {}),
  });
  return { ...login, url: url.href };
}

/** `groups` is a scope with some providers and an error with others. */
function scopesOf(client: Client): string {
  const offered = client.serverMetadata().scopes_supported ?? [];
  return ['openid', 'email', 'profile', ...(offered.includes('groups') ? ['groups'] : [])].join(
    ' ',
  );
}

async function finishLogin(client: Client, callback: URL, checks: LoginChecks): Promise<Claims> {
  const tokens = await authorizationCodeGrant(client, callback, {
    expectedState: checks.state,
    expectedNonce: checks.nonce,
    pkceCodeVerifier: checks.codeVerifier,
    idTokenExpected: true,
  });
  const claims = tokens.claims();
  if (!claims) throw new Error('the provider sent no ID token');
  // OpenID Connect allows 255 ASCII characters; the library takes an empty one too, which would be everybody's.
  if (!/^[\x20-\x7e]{1,255}$/.test(claims.sub)) throw new Error('the provider named no subject');
  const hasUserInfo = client.serverMetadata().userinfo_endpoint !== undefined;
  const more = hasUserInfo ? await fetchUserInfo(client, tokens.access_token, claims.sub) : {};
  // What is signed wins.
  return { ...more, ...claims };
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new DOMException('the login took too long', 'TimeoutError')),
      limitMs,
    );
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function loginRefusal(cause: unknown): Refusal {
  const code = (cause as { error?: string }).error;
  if (code === 'access_denied') {
    return new Refusal(
      403,
      'login-cancelled',
      'You cancelled the sign-in, or your provider did not allow it. Nothing was changed.',
    );
  }
  const refusal = isConnectionTrouble(cause)
    ? unreachable('your identity provider', cause)
    : new Refusal(
        502,
        'login-failed',
        'The answer of your identity provider could not be verified. Sign in again; if it stays, ask an administrator.',
      );
  refusal.cause = cause;
  return refusal;
}

function unreachable(provider: string, cause: unknown): Refusal {
  const refusal = new Refusal(
    502,
    'provider-unreachable',
    `The identity provider (${provider}) does not answer as one. Try again in a moment, or check its address.`,
    'provider.issuer',
  );
  refusal.cause = cause;
  return refusal;
}

function isConnectionTrouble(cause: unknown): boolean {
  const { code, name } = cause as { code?: string; name?: string };
  return (
    code === 'OAUTH_TIMEOUT' ||
    name === 'TimeoutError' ||
    (cause as Error).message === 'fetch failed' ||
    name === 'TypeError'
  );
}
