/** The page between a device's sign-in and its tokens: who is signing in, one button, and a way out. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Provider } from 'oidc-provider';
import { z } from 'zod';
import { DEVICE_SCOPE } from '../../contract/device-api.ts';
import { readOrganisation } from '../enrol/organisation.ts';
import { perMinute } from '../http/app.ts';
import { Refusal } from '../http/fault.ts';
import { html, sendPage } from '../http/page.ts';
import { newSecret } from '../store/identifier.ts';
import type { Store } from '../store/store.ts';
import type { BrowserSessions, SignedIn } from './browser-session.ts';
import { CONSENT_PATH } from './oauth-server.ts';
import { loginLink, otherAccountLink } from './sign-in.ts';

export interface ConsentParts {
  store: Store;
  sessions: BrowserSessions;
  provider: Provider;
  publicUrl: string;
}

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;

const ConsentForm = z.object({
  csrf: z.string().max(100),
  decision: z.enum(['allow', 'cancel']),
});

export async function registerConsent(app: FastifyInstance, parts: ConsentParts): Promise<void> {
  const { store, sessions } = parts;
  const csrfKey = await store.secrets.readOrMake(store.db, 'consent-csrf', newSecret);
  const options = { config: perMinute(120), schema: { hide: true } };

  app.get(`${CONSENT_PATH}/:uid`, options, async (request, reply) => {
    const interaction = await interactionOf(parts, request, reply);
    const person = await sessions.find(request);
    if (!person) return reply.redirect(loginLink(request.url), 303);
    const { name } = await readOrganisation(store.db);
    return sendConsent(reply, {
      organisation: name,
      email: person.email,
      csrf: csrfOf(csrfKey, interaction, person),
      otherAccount: otherAccountLink(request.url),
    });
  });

  app.post(`${CONSENT_PATH}/:uid`, options, async (request, reply) => {
    const interaction = await interactionOf(parts, request, reply);
    const person = await sessions.find(request);
    if (!person) return reply.redirect(loginLink(request.url), 303);
    const form = ConsentForm.parse(request.body);
    assertOwnForm(parts, request, form.csrf, csrfOf(csrfKey, interaction, person));
    const result = form.decision === 'allow' ? await grant(parts, interaction, person) : CANCELLED;
    return finish(parts, request, reply, result);
  });

  // From the identity provider, where somebody cancelled before there was a person to ask.
  app.get(`${CONSENT_PATH}/:uid/cancelled`, options, async (request, reply) => {
    await interactionOf(parts, request, reply);
    return finish(parts, request, reply, CANCELLED);
  });
}

async function finish(
  { provider }: ConsentParts,
  request: FastifyRequest,
  reply: FastifyReply,
  result: Awaited<ReturnType<typeof grant>> | typeof CANCELLED,
): Promise<FastifyReply> {
  const next = await provider.interactionResult(request.raw, reply.raw, result, {
    mergeWithLastSubmission: false,
  });
  return reply.redirect(next, 303);
}

async function interactionOf(
  { provider }: ConsentParts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Interaction> {
  const { uid } = request.params as { uid: string };
  const interaction = await provider
    .interactionDetails(request.raw, reply.raw)
    .catch(() => undefined);
  if (interaction?.uid === uid) return interaction;
  throw new Refusal(
    410,
    'login-not-waiting',
    'This sign-in is not waiting any more. Go back to the Culvert app and start it again.',
  );
}

async function grant({ provider }: ConsentParts, interaction: Interaction, person: SignedIn) {
  const given = new provider.Grant({
    accountId: person.userId,
    clientId: String(interaction.params.client_id),
  });
  given.addOIDCScope(DEVICE_SCOPE);
  return {
    login: { accountId: person.userId, remember: false },
    consent: { grantId: await given.save() },
  };
}

const CANCELLED = {
  error: 'access_denied',
  error_description: 'The person cancelled the sign-in.',
};

/** Bound to this sign-in and this person, so that a form made for another one does not fit. */
function csrfOf(key: string, interaction: Interaction, person: SignedIn): string {
  return createHmac('sha256', key)
    .update(`${interaction.uid}\0${person.userId}`)
    .digest('base64url');
}

function assertOwnForm(
  parts: ConsentParts,
  request: FastifyRequest,
  given: string,
  expected: string,
): void {
  const origin = request.headers.origin;
  const isSame =
    given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
  // With `referrer-policy: no-referrer` browsers may send the origin of a form as `null`; the token decides then.
  const isForeign = origin !== undefined && origin !== 'null' && origin !== parts.publicUrl;
  if (isSame && !isForeign) return;
  throw new Refusal(
    403,
    'csrf',
    'This form did not come from the gateway’s own page. Go back to the Culvert app and start again.',
  );
}

interface ConsentPage {
  organisation: string;
  email: string;
  csrf: string;
  otherAccount: string;
}

function sendConsent(reply: FastifyReply, page: ConsentPage): FastifyReply {
  return sendPage(reply, {
    title: 'Sign in on this device',
    // Browsers hold redirects after a form to the policy too, and the last one goes to the app on this computer.
    formTargets: ['http://127.0.0.1:*'],
    body: html`<h1>Sign in on this device as ${page.email}?</h1>
<p>The Culvert app on this computer will be able to reach the private networks of ${page.organisation} as you.</p>
<p class="quiet-text">Did you not just click “Sign in” in the app? Then cancel.</p>
<form method="post">
<input type="hidden" name="csrf" value="${page.csrf}">
<button type="submit" name="decision" value="allow">Sign in</button>
<button type="submit" name="decision" value="cancel" class="quiet">Cancel</button>
</form>
<p class="quiet-text"><a href="${page.otherAccount}">Use another account</a></p>`,
  });
}
