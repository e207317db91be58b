/** The organisation's row: made at the first start, read everywhere. */
import { randomBytes } from 'node:crypto';
import type { Selectable } from 'kysely';
import { OVERLAY_IPV4 } from '../../contract/constants.ts';
import { ProviderSettings } from '../http/configuration.ts';
import type { Db, OrganisationTable, Tx } from '../store/database.ts';
import { newId } from '../store/identifier.ts';
import { readJson } from '../store/json-column.ts';
import type { Store } from '../store/store.ts';

export type Organisation = Selectable<OrganisationTable>;
export const StoredProvider = ProviderSettings.omit({ clientSecret: true });

export async function prepareOrganisation(
  store: Store,
  sessionSeconds: number,
): Promise<Organisation> {
  const known = await store.db.selectFrom('organisations').select('id').executeTakeFirst();
  if (known) {
    await store.db.updateTable('organisations').set({ sessionSeconds }).execute();
    return readOrganisation(store.db);
  }
  await store.change({ who: 'gateway', what: 'organisation made', topics: [] }, async (tx) => {
    await tx
      .insertInto('organisations')
      .values(newOrganisation(sessionSeconds, store.clock()))
      .execute();
    await tx.insertInto('profiles').values(defaultProfile()).execute();
  });
  return readOrganisation(store.db);
}

export function readOrganisation(db: Db | Tx): Promise<Organisation> {
  return db.selectFrom('organisations').selectAll().executeTakeFirstOrThrow();
}

/** Undefined until set-up is done. */
export async function readProvider(store: Store): Promise<ProviderSettings | undefined> {
  const { provider } = await readOrganisation(store.db);
  const clientSecret = await store.secrets.read(store.db, PROVIDER_SECRET);
  if (provider === null || clientSecret === undefined) return undefined;
  return { ...readJson(StoredProvider, provider, 'organisations.provider'), clientSecret };
}

export const PROVIDER_SECRET = 'provider-client-secret';

function newOrganisation(sessionSeconds: number, now: number): OrganisationTable {
  return {
    id: newId('organisation'),
    name: '',
    provider: null,
    ownerEmail: null,
    setupCodeHash: null,
    setupExpiresAt: null,
    overlayIpv4: OVERLAY_IPV4,
    overlayIpv6: randomUla(),
    sessionSeconds,
    contact: null,
    createdAt: now,
  };
}

/** RFC 4193: fd, then 40 random bits. */
function randomUla(): string {
  const hex = `fd${randomBytes(5).toString('hex')}`;
  const groups = (hex.match(/.{4}/g) ?? []).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${groups.join(':')}::/48`;
}

/** New organisations send only their networks' ranges through the tunnel. */
function defaultProfile() {
  const splitTunnel = JSON.stringify({ defaultPath: 'direct', include: [], exclude: [] });
  return { id: newId('profile'), name: 'Default', isDefault: 1 as const, splitTunnel };
}
