/** Things that may be accepted once: proofs, challenges, tokens. */
import type { Db, Tx } from './database.ts';

/** True for the first who asks; one statement, so that two at once cannot both be first. */
export async function acceptOnce(db: Db | Tx, id: string, expiresAt: number): Promise<boolean> {
  const inserted = await db
    .insertInto('usedProofs')
    .values({ id, expiresAt })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .executeTakeFirst();
  return inserted !== undefined;
}
