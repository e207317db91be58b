/** Brings a database to the newest layout, one numbered step at a time. */
import type { Kysely } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { Fault } from '../http/fault.ts';
import * as foundation from './migrations/0001-foundation.ts';
import * as sealedOauth from './migrations/0002-sealed-oauth.ts';

export const migrations: Record<string, Migration> = {
  '0001-foundation': foundation,
  '0002-sealed-oauth': sealedOauth,
};

export async function migrate<T>(db: Kysely<T>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  throw new Fault(
    'store-migration',
    'The database could not be brought to this version’s layout. It is unchanged: start the version that wrote it, or restore a backup.',
    error,
  );
}
