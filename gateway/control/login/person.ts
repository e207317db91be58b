/** Makes a person of verified claims: keyed by issuer and subject, never by e-mail (T32). */
import type { Organisation } from '../enrol/organisation.ts';
import { Refusal } from '../http/fault.ts';
import type { Role, Tx } from '../store/database.ts';
import { newId } from '../store/identifier.ts';
import type { Store } from '../store/store.ts';
import { domainOf, parseEmail } from './email-address.ts';
import type { Claims } from './provider-client.ts';

export interface Admission {
  groupsClaim: string;
  /** Then an address without a word about it counts as verified; one that is called unverified never does. */
  providerVerifiesEmail: boolean;
  /** Undefined: everybody that the provider lets in. */
  allowedDomains: string[] | undefined;
}

interface Profile {
  issuer: string;
  subject: string;
  email: string;
  name: string;
  groups: string[];
}

/** The user's id. Throws a `Refusal` for somebody who may not sign in. */
export async function admitPerson(
  store: Store,
  organisation: Organisation,
  claims: Claims,
  admission: Admission,
): Promise<string> {
  const profile = profileOf(claims, admission);
  const known = await readPerson(store, profile);
  if (known && isSame(known, profile)) {
    await store.record({ who: profile.email, what: 'signed in', topics: ['people'] }, (tx) =>
      touch(tx, known.id, store.clock()),
    );
    return known.id;
  }
  const intent = {
    who: profile.email,
    what: known ? 'signed in, profile changed' : 'signed in for the first time',
  };
  return store.change({ ...intent, topics: ['people', 'devices'] }, async (tx, note) => {
    note({ before: known ?? null, after: profile });
    return writePerson(tx, organisation, profile, store.clock());
  });
}

function profileOf(claims: Claims, admission: Admission): Profile {
  const email = verifiedEmail(claims, admission);
  if (admission.allowedDomains && !admission.allowedDomains.includes(domainOf(email))) {
    throw new Refusal(
      403,
      'not-allowed',
      `${email} may not sign in here. Use your organisation’s account.`,
    );
  }
  return {
    issuer: claims.iss,
    subject: claims.sub,
    email,
    name: plainText(claims.name, 200) ?? email,
    groups: groupsOf(claims[admission.groupsClaim]),
  };
}

/** The text "true" is what a careless provider sends for an address that anybody may type. */
function verifiedEmail(
  { email: claimed, email_verified: isVerified }: Claims,
  { providerVerifiesEmail }: Admission,
): string {
  const email = parseEmail(claimed);
  if (email !== undefined && isVerified === true) return email;
  if (email === undefined || isVerified !== undefined) {
    throw new Refusal(
      403,
      'email-not-verified',
      'Your identity provider gave no verified e-mail address for you. Verify it there, then sign in again.',
    );
  }
  if (providerVerifiesEmail) return email;
  throw new Refusal(
    403,
    'email-unsure',
    `Your identity provider does not say whether ${email} is verified. If nobody can choose an address there, an administrator starts the gateway with --provider-verifies-email.`,
  );
}

async function readPerson(store: Store, profile: Profile) {
  const user = await store.db
    .selectFrom('users')
    .select(['id', 'email', 'name', 'role'])
    .where('issuer', '=', profile.issuer)
    .where('subject', '=', profile.subject)
    .executeTakeFirst();
  if (!user) return undefined;
  const groups = await store.db
    .selectFrom('userGroups')
    .select('name')
    .where('userId', '=', user.id)
    .orderBy('name')
    .execute();
  return { ...user, groups: groups.map((group) => group.name) };
}

function isSame(
  known: { email: string; name: string; groups: string[] },
  profile: Profile,
): boolean {
  return (
    known.email === profile.email &&
    known.name === profile.name &&
    JSON.stringify(known.groups) === JSON.stringify(profile.groups)
  );
}

async function writePerson(
  tx: Tx,
  organisation: Organisation,
  profile: Profile,
  now: number,
): Promise<string> {
  const { groups, ...fields } = profile;
  const { id } = await tx
    .insertInto('users')
    .values({
      ...fields,
      id: newId('user'),
      role: await firstRole(tx, organisation, profile.email),
      createdAt: now,
      lastSignInAt: now,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['issuer', 'subject'])
        .doUpdateSet({ email: fields.email, name: fields.name, lastSignInAt: now }),
    )
    .returning('id')
    .executeTakeFirstOrThrow();
  await tx.deleteFrom('userGroups').where('userId', '=', id).execute();
  if (groups.length > 0) {
    await tx
      .insertInto('userGroups')
      .values(groups.map((name) => ({ userId: id, name })))
      .execute();
  }
  return id;
}

/** Set-up names one address; it makes an owner once, and never again after somebody is one. */
async function firstRole(tx: Tx, organisation: Organisation, email: string): Promise<Role> {
  const owner = await tx
    .selectFrom('users')
    .select('id')
    .where('role', '=', 'owner')
    .executeTakeFirst();
  return !owner && parseEmail(organisation.ownerEmail) === email ? 'owner' : 'member';
}

async function touch(tx: Tx, id: string, now: number): Promise<void> {
  await tx.updateTable('users').set({ lastSignInAt: now }).where('id', '=', id).execute();
}

function groupsOf(claim: unknown): string[] {
  const names = (Array.isArray(claim) ? claim : [claim]).map((name) => plainText(name, 200));
  return [...new Set(names.filter((name) => name !== undefined))].sort().slice(0, 1000);
}

/** Without control and direction characters, which could make a name look like another. */
function plainText(claim: unknown, limit: number): string | undefined {
  if (typeof claim !== 'string') return undefined;
  const text = claim
    .replace(/[\p{Cc}\p{Cf}]/gu, '')
    .trim()
    .slice(0, limit);
  return text === '' ? undefined : text;
}
