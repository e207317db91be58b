/** Frozen: a released migration never changes; write the next one. */
import { type Kysely, sql } from 'kysely';

/** From here on ids are hashed and payloads sealed: what was stored openly is forgotten, which costs a sign-in that is under way. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw('delete from oauth_payloads').execute(db);
}
