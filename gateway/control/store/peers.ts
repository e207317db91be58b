/** What becomes of keys when a device or connector goes. */
import type { PeerTable, Tx } from './database.ts';

/** Removes a device or connector with all that hangs on it; its keys stay with their owner for ever (T29). */
export async function removePeer(tx: Tx, id: string, owner: string): Promise<void> {
  const peer = await tx.deleteFrom('peers').where('id', '=', id).returningAll().executeTakeFirst();
  if (peer) await retireKeys(tx, peer, owner);
}

/** Who these keys belonged to before, where that was somebody else than `owner`. */
export async function isKeyOfAnother(
  tx: Tx,
  keys: Pick<PeerTable, 'wireguardKey' | 'identityThumbprint'>,
  owner: string,
): Promise<boolean> {
  const retired = await tx
    .selectFrom('retiredKeys')
    .select('owner')
    .where('key', 'in', [keys.wireguardKey, keys.identityThumbprint])
    .where('owner', '!=', owner)
    .executeTakeFirst();
  return retired !== undefined;
}

async function retireKeys(tx: Tx, peer: PeerTable, owner: string): Promise<void> {
  await tx
    .insertInto('retiredKeys')
    .values([
      { key: peer.wireguardKey, owner },
      { key: peer.identityThumbprint, owner },
    ])
    .onConflict((conflict) => conflict.column('key').doNothing())
    .execute();
}
