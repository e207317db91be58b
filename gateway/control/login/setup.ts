/** First run: a one-time link, and the form behind it, name the organisation, its identity provider and its owner. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { SetupRequest } from '../../contract/admin-api.ts';
import { PROVIDER_SECRET, StoredProvider } from '../enrol/organisation.ts';
import { perMinute } from '../http/app.ts';
import type { Configuration } from '../http/configuration.ts';
import { Refusal } from '../http/fault.ts';
import { sendNotice } from '../http/page.ts';
import type { Tx } from '../store/database.ts';
import { hashSecret, newSecret } from '../store/identifier.ts';
import { writeJson } from '../store/json-column.ts';
import type { Note, Store } from '../store/store.ts';
import { parseEmail } from './email-address.ts';
import type { ProviderClient } from './provider-client.ts';
import { sendSetupForm } from './setup-form.ts';
import { CALLBACK_PATH, LOGIN_PATH } from './sign-in.ts';

const LIFETIME_MS = 24 * 3_600_000;

export interface SetupParts {
  configuration: Configuration;
  store: Store;
  provider: ProviderClient;
}

type Answers = Omit<SetupRequest, 'code'>;

/** A fresh link at each start until set-up is done; older ones end. Undefined when it is done. */
export async function newSetupLink(store: Store, publicUrl: string): Promise<string | undefined> {
  const code = newSecret();
  const open = await store.db
    .updateTable('organisations')
    .set({ setupCodeHash: hashSecret(code), setupExpiresAt: store.clock() + LIFETIME_MS })
    .where('provider', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return open ? `${publicUrl}/setup?code=${code}` : undefined;
}

/** The same, from the configuration, for a first start without a person. Does nothing once set-up is done. */
export async function setUpFromPreset({ configuration, store }: SetupParts): Promise<void> {
  const { preset } = configuration;
  if (!preset) return;
  const done = await store.db
    .selectFrom('organisations')
    .select('provider')
    .executeTakeFirstOrThrow();
  if (done.provider !== null) return;
  const answers = {
    organisation: preset.organisation,
    provider: preset.provider,
    ownerEmail: preset.owner,
  };
  await store.change(
    { who: 'gateway', what: 'set up from its configuration', topics: ['people'] },
    (tx, note) => writeAnswers(store, tx, note, answers),
  );
}

export function registerSetup(app: FastifyInstance, parts: SetupParts): void {
  const redirectUri = parts.configuration.publicUrl + CALLBACK_PATH;
  app
    .withTypeProvider<ZodTypeProvider>()
    .post(
      '/v1/setup',
      { config: perMinute(20), schema: { body: SetupRequest } },
      async (request, reply) => {
        await setUp(parts, request.body);
        return reply.status(204).send();
      },
    );
  app.get('/setup', { config: perMinute(60), schema: { hide: true } }, async (request, reply) => {
    const { code } = z.object({ code: z.string().max(100).default('') }).parse(request.query);
    if (!(await isOpen(parts.store, code)))
      return sendNotice(reply, 403, 'This link does not work any more', CLOSED);
    return sendSetupForm(reply, { redirectUri, code, values: {} });
  });
  app.post('/setup', { config: perMinute(20), schema: { hide: true } }, async (request, reply) => {
    const values = z.record(z.string(), z.string()).parse(request.body);
    const code = values.code ?? '';
    try {
      await setUp(parts, readForm(values));
      return await reply.redirect(LOGIN_PATH, 303);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'setup-closed') throw error;
      return sendSetupForm(reply, { redirectUri, code, values, problem: error.message });
    }
  });
}

async function setUp({ store, provider }: SetupParts, request: SetupRequest): Promise<void> {
  const { code, ...answers } = request;
  // Looked at twice: here, so that a stranger cannot make the gateway call addresses; and in the transaction.
  if (!(await isOpen(store, code))) throw closed();
  await provider.probe(answers.provider);
  await store.change(
    { who: answers.ownerEmail, what: 'organisation set up', topics: ['people'] },
    async (tx, note) => {
      const taken = await tx
        .updateTable('organisations')
        .set({ setupCodeHash: null, setupExpiresAt: null })
        .where('setupCodeHash', '=', hashSecret(code))
        .where('setupExpiresAt', '>', store.clock())
        .where('provider', 'is', null)
        .returning('id')
        .executeTakeFirst();
      if (!taken) throw closed();
      await writeAnswers(store, tx, note, answers);
    },
  );
}

async function writeAnswers(store: Store, tx: Tx, note: Note, answers: Answers): Promise<void> {
  // Whoever signs in is compared by this very form; another spelling would leave the organisation without an owner.
  const ownerEmail = parseEmail(answers.ownerEmail);
  if (ownerEmail === undefined) throw unusableOwner(answers.ownerEmail);
  const provider = StoredProvider.parse(withoutSecret(answers.provider));
  await tx
    .updateTable('organisations')
    .set({
      name: answers.organisation,
      provider: writeJson(provider),
      ownerEmail,
      contact: ownerEmail,
    })
    .execute();
  await store.secrets.write(tx, PROVIDER_SECRET, answers.provider.clientSecret);
  note({ after: { organisation: answers.organisation, provider, ownerEmail } });
}

function withoutSecret({ issuer, clientId, groupsClaim }: Answers['provider']) {
  return { issuer, clientId, groupsClaim };
}

async function isOpen(store: Store, code: string): Promise<boolean> {
  const row = await store.db
    .selectFrom('organisations')
    .select('id')
    .where('setupCodeHash', '=', hashSecret(code))
    .where('setupExpiresAt', '>', store.clock())
    .where('provider', 'is', null)
    .executeTakeFirst();
  return row !== undefined;
}

function readForm(values: Record<string, string>): SetupRequest {
  const checked = SetupRequest.safeParse({
    code: values.code,
    organisation: values.organisation,
    ownerEmail: values.ownerEmail,
    provider: {
      issuer: values.issuer,
      clientId: values.clientId,
      clientSecret: values.clientSecret,
      groupsClaim: values.groupsClaim || 'groups',
    },
  });
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const field = String(issue?.path.at(-1) ?? 'form');
  throw new Refusal(
    400,
    'bad-request',
    `${FIELD_NAMES[field] ?? field} is not right. Check it and try again.`,
    field,
  );
}

const FIELD_NAMES: Record<string, string> = {
  organisation: 'The organisation’s name',
  ownerEmail: 'Your e-mail address',
  issuer: 'The provider’s address',
  clientId: 'The client id',
  clientSecret: 'The client secret',
};

const CLOSED =
  'The organisation is set up already, or the link is older than a day. To get a new link, restart the gateway.';

function unusableOwner(email: string): Refusal {
  return new Refusal(
    400,
    'owner-email',
    `“${email}” is not an address that a person can sign in with. Use a plain one, such as alice@example.com.`,
    'ownerEmail',
  );
}

function closed(): Refusal {
  return new Refusal(403, 'setup-closed', CLOSED);
}
