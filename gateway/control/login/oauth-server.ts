/**
 * The authorisation server towards devices: code + PKCE with a loopback redirect (RFC 8252), tokens bound to the
 * device's identity key (DPoP, RFC 9449). A certified library below /oauth; ours are only its storage and its page.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { Provider } from 'oidc-provider';
import { DEVICE_CLIENT_ID, DEVICE_REDIRECT_PATH, DEVICE_SCOPE } from '../../contract/device-api.ts';
import { perMinute } from '../http/app.ts';
import { STYLE_PATH } from '../http/page.ts';
import { newSecret } from '../store/identifier.ts';
import type { Store } from '../store/store.ts';
import { OauthAdapter } from './oauth-adapter.ts';

export const OAUTH_ROOT = '/oauth';
export const CONSENT_PATH = '/device-sign-in';

const MINUTES = 60;

export async function openOauthServer(
  store: Store,
  publicUrl: string,
  log: FastifyBaseLogger,
): Promise<Provider> {
  const signingKey = await store.secrets.readOrMake(store.db, 'oauth-signing-key', newSigningKey);
  const cookieKey = await store.secrets.readOrMake(store.db, 'oauth-cookie-key', newSecret);
  const provider = new Provider(publicUrl + OAUTH_ROOT, {
    adapter: (model: string) => new OauthAdapter(store, model),
    jwks: { keys: [JSON.parse(signingKey)] },
    cookies: { keys: [cookieKey], long: COOKIE, short: COOKIE },
    clients: [deviceClient()],
    scopes: DEVICE_SCOPE.split(' '),
    responseTypes: ['code'],
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: true },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
    },
    ttl: {
      AccessToken: 5 * MINUTES,
      AuthorizationCode: 1 * MINUTES,
      IdToken: 5 * MINUTES,
      Grant: 10 * MINUTES,
      Interaction: 10 * MINUTES,
      Session: 10 * MINUTES,
    },
    interactions: { url: (_context, interaction) => `${CONSENT_PATH}/${interaction.uid}` },
    findAccount: (_context, id) => findAccount(store, id),
    renderError: (context, out) => {
      context.type = 'html';
      context.set(
        'content-security-policy',
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
      );
      context.body = errorPage(String(out.error));
    },
  });
  provider.on('server_error', (_context, error) =>
    log.error({ cause: error }, 'authorisation server failed'),
  );
  return provider;
}

export function registerOauthServer(
  app: FastifyInstance,
  provider: Provider,
  publicUrl: string,
): void {
  const handle = provider.callback();
  const { host } = new URL(publicUrl);
  void app.register((scope, _options, done) => {
    // The library reads bodies itself, with a limit of its own.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
    scope.all(
      `${OAUTH_ROOT}/*`,
      { config: perMinute(240), schema: { hide: true } },
      (request, reply) => {
        reply.hijack();
        sendHeaders(reply.getHeaders(), reply.raw);
        void handle(atOwnRoot(request.raw, host), reply.raw);
      },
    );
    done();
  });
}

function deviceClient() {
  return {
    client_id: DEVICE_CLIENT_ID,
    client_name: 'Culvert',
    application_type: 'native' as const,
    token_endpoint_auth_method: 'none' as const,
    grant_types: ['authorization_code'],
    response_types: ['code' as const],
    // A native client's loopback redirect may have any port, and has to be equal in everything else.
    redirect_uris: [`http://127.0.0.1${DEVICE_REDIRECT_PATH}`],
    id_token_signed_response_alg: 'ES256' as const,
    dpop_bound_access_tokens: true,
    scope: DEVICE_SCOPE,
  };
}

/**
 * The library expects paths below its mount point. Its addresses come from the Host header, which is anybody's to
 * choose, so it is shown our own. Its session cookie is kept from it: who is signed in is decided by ours, each time.
 */
function atOwnRoot(request: IncomingMessage, host: string): IncomingMessage {
  const original = request.url ?? '/';
  Object.assign(request, { originalUrl: original, url: original.slice(OAUTH_ROOT.length) || '/' });
  request.headers.host = host;
  const cookies = (request.headers.cookie ?? '').split(/;\s*/);
  request.headers.cookie = cookies.filter((cookie) => !cookie.startsWith('_session')).join('; ');
  return request;
}

function sendHeaders(
  headers: Record<string, number | string | string[] | undefined>,
  response: ServerResponse,
): void {
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) response.setHeader(name, value);
  }
}

async function findAccount(store: Store, id: string) {
  const user = await store.db
    .selectFrom('users')
    .select('id')
    .where('id', '=', id)
    .executeTakeFirst();
  return user && { accountId: user.id, claims: () => ({ sub: user.id }) };
}

function newSigningKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = randomBytes(8).toString('hex');
  return JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' });
}

/** Only what a browser can be shown: errors that belong to the app go back to it by redirect. */
function errorPage(error: string): string {
  const sentence =
    error === 'invalid_redirect_uri' || error === 'invalid_client'
      ? 'The program that sent you here is not one that this organisation knows. Nothing was signed in.'
      : 'This sign-in is not waiting any more. Go back to the Culvert app and start it again.';
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not signed in · Culvert</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="${STYLE_PATH}"></head>
<body><main><h1>You are not signed in</h1><p role="alert">${sentence}</p></main></body></html>`;
}

const COOKIE = { secure: true, httpOnly: true, sameSite: 'lax', signed: true } as const;
