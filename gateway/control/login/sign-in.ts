/** Signing in with the browser: to the identity provider and back, into a session. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { readOrganisation, readProvider } from '../enrol/organisation.ts';
import { perMinute } from '../http/app.ts';
import type { Configuration, ProviderSettings } from '../http/configuration.ts';
import { Refusal } from '../http/fault.ts';
import { html, sendNotice, sendPage } from '../http/page.ts';
import { hashSecret, newSecret } from '../store/identifier.ts';
import type { Store } from '../store/store.ts';
import type { BrowserSessions } from './browser-session.ts';
import { domainOf, parseEmail } from './email-address.ts';
import { CONSENT_PATH } from './oauth-server.ts';
import { admitPerson } from './person.ts';
import type { LoginStart, ProviderClient } from './provider-client.ts';

export const LOGIN_PATH = '/login';
export const CALLBACK_PATH = '/login/callback';
/** Ties a login to the browser that began it. */
const BROWSER_COOKIE = '__Host-culvert-login';
const LIFETIME_MS = 10 * 60_000;
const COOKIE = { path: '/', secure: true, httpOnly: true, sameSite: 'lax' } as const;

export interface SignInParts {
  configuration: Configuration;
  store: Store;
  sessions: BrowserSessions;
  provider: ProviderClient;
}

const LoginQuery = z.object({
  return_to: z.string().max(2000).optional(),
  /** Asks the provider to ask again, although it may remember somebody. */
  again: z.literal('1').optional(),
});

export function registerSignIn(app: FastifyInstance, parts: SignInParts): void {
  const options = { config: perMinute(60), schema: { hide: true } };
  app.get(LOGIN_PATH, options, async (request, reply) => {
    const query = LoginQuery.parse(request.query);
    const login = await parts.provider.start(
      await providerSettings(parts.store),
      query.again === '1',
    );
    return sendToProvider(parts.store, request, reply, login, safePath(query.return_to));
  });
  app.get(CALLBACK_PATH, options, (request, reply) => finishLogin(parts, request, reply));
  app.get('/signed-out', options, (_request, reply) =>
    sendNotice(
      reply,
      200,
      'You are signed out',
      'This browser is not signed in to Culvert any more.',
      {
        label: 'Sign in again',
        href: LOGIN_PATH,
      },
    ),
  );
}

/** For a link in a page: comes back to `path` once the person is signed in. */
export function loginLink(path: string): string {
  return `${LOGIN_PATH}?return_to=${encodeURIComponent(path)}`;
}

/** The same, for somebody who wants to be another person than the provider remembers. */
export function otherAccountLink(path: string): string {
  return `${loginLink(path)}&again=1`;
}

/** Only a path of our own: anything that a browser could read as another host becomes the start page. */
export function safePath(path: string | undefined): string {
  if (path === undefined || !/^\/(?![/\\])[\x21-\x7e]*$/.test(path) || path.includes('\\'))
    return '/';
  return path;
}

async function sendToProvider(
  store: Store,
  request: FastifyRequest,
  reply: FastifyReply,
  login: LoginStart,
  returnTo: string,
): Promise<FastifyReply> {
  const browser = request.cookies[BROWSER_COOKIE] ?? newSecret();
  await store.db
    .insertInto('signIns')
    .values({
      stateHash: hashSecret(login.state),
      browserHash: hashSecret(browser),
      codeVerifier: login.codeVerifier,
      nonce: login.nonce,
      returnTo,
      expiresAt: store.clock() + LIFETIME_MS,
    })
    .execute();
  return reply
    .setCookie(BROWSER_COOKIE, browser, { ...COOKIE, maxAge: LIFETIME_MS / 1000 })
    .header('cache-control', 'no-store')
    .redirect(login.url, 303);
}

async function finishLogin(
  parts: SignInParts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { configuration, store, sessions, provider } = parts;
  const callback = new URL(request.url, configuration.publicUrl);
  const state = callback.searchParams.get('state') ?? '';
  const login = await takeLogin(store, state, request.cookies[BROWSER_COOKIE] ?? '');
  if (!login) return sendForeignAnswer(reply);
  try {
    const settings = await providerSettings(store);
    const claims = await provider.finish(settings, callback, { ...login, state });
    const userId = await admit(parts, settings, claims);
    await sessions.end(request, reply);
    await sessions.start(reply, userId);
    return reply.header('cache-control', 'no-store').redirect(login.returnTo, 303);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    request.log.info({ refused: error.code, cause: error.cause }, 'login refused');
    await store.record({ who: 'gateway', what: `sign-in refused: ${error.code}`, topics: [] });
    const cancelPath = cancelPathOf(error, login.returnTo);
    if (cancelPath) return sendCancelled(reply, error, cancelPath);
    return sendRefusal(reply, error, login.returnTo);
  }
}

async function admit(
  { configuration, store }: SignInParts,
  settings: ProviderSettings,
  claims: Parameters<typeof admitPerson>[2],
) {
  const organisation = await readOrganisation(store.db);
  return admitPerson(store, organisation, claims, {
    groupsClaim: settings.groupsClaim,
    providerVerifiesEmail: configuration.providerVerifiesEmail,
    allowedDomains:
      configuration.allowedEmailDomains ?? worldOpenDomains(settings, organisation.ownerEmail),
  });
}

/** These let everybody on earth in; without a list, only the owner's own domain may. */
const WORLD_OPEN = ['accounts.google.com', 'login.microsoftonline.com', 'github.com', 'gitlab.com'];

function worldOpenDomains(
  settings: ProviderSettings,
  ownerEmail: string | null,
): string[] | undefined {
  const email = parseEmail(ownerEmail);
  const isOpen = WORLD_OPEN.includes(new URL(settings.issuer).hostname);
  return isOpen && email !== undefined ? [domainOf(email)] : undefined;
}

/** One statement reads and removes it, so that a callback counts once. */
async function takeLogin(store: Store, state: string, browser: string) {
  return store.db
    .deleteFrom('signIns')
    .where('stateHash', '=', hashSecret(state))
    .where('browserHash', '=', hashSecret(browser))
    .where('expiresAt', '>', store.clock())
    .returning(['codeVerifier', 'nonce', 'returnTo'])
    .executeTakeFirst();
}

async function providerSettings(store: Store): Promise<ProviderSettings> {
  const settings = await readProvider(store);
  if (settings) return settings;
  throw new Refusal(
    409,
    'not-set-up',
    'This organisation is not set up yet. Open the set-up link that the gateway printed when it started.',
  );
}

function sendForeignAnswer(reply: FastifyReply): FastifyReply {
  return sendNotice(
    reply,
    400,
    'That sign-in is not waiting any more',
    'It was begun in another browser, took too long, or was finished already. Start again from where you came.',
    { label: 'Sign in', href: LOGIN_PATH },
  );
}

/** Who cancels at the provider cancels the device's sign-in with it: the app must not wait for what will not come. */
function cancelPathOf({ code }: Refusal, returnTo: string): string | undefined {
  const isDevice = returnTo.startsWith(`${CONSENT_PATH}/`);
  return code === 'login-cancelled' && isDevice ? `${returnTo}/cancelled` : undefined;
}

/** A page of its own: the policy of the provider's page, whose form led here, may forbid the way back to the app. */
function sendCancelled(reply: FastifyReply, refusal: Refusal, path: string): FastifyReply {
  return sendNotice(
    reply.header('refresh', `0; url=${path}`),
    refusal.status,
    'You are not signed in',
    refusal.message,
    { label: 'Back to the Culvert app', href: path },
  );
}

function sendRefusal(reply: FastifyReply, refusal: Refusal, returnTo: string): FastifyReply {
  // The provider would hand out the same refused account again without a word.
  const again = otherAccountLink(returnTo);
  return sendPage(reply, {
    title: 'Not signed in',
    status: refusal.status,
    body: html`<h1>You are not signed in</h1><p role="alert">${refusal.message}</p>
      <p><a class="button" href="${again}">Try again</a></p>`,
  });
}
