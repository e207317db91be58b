/** Makes a connector of somebody who holds a token: all or nothing, in one transaction. */
import type { JoinRequest } from '../../contract/connector-api.ts';
import type { KeyChallenges } from '../enrol/key-challenge.ts';
import type { ProvedKey } from '../enrol/proof.ts';
import { Refusal } from '../http/fault.ts';
import { addPeer } from '../store/addresses.ts';
import type { PeerTable, Tx } from '../store/database.ts';
import { newId } from '../store/identifier.ts';
import { writeJson } from '../store/json-column.ts';
import { isKeyOfAnother } from '../store/peers.ts';
import type { Store } from '../store/store.ts';
import { takeConnectorToken } from './token.ts';

/** Owner of the keys of every connector, once they are retired. */
export const CONNECTOR_OWNER = 'connector';

/** The connector's id. The same keys again join the token's network as the same connector. */
export async function joinConnector(
  store: Store,
  challenges: KeyChallenges,
  key: ProvedKey,
  asked: JoinRequest,
): Promise<string> {
  const request = { ...asked, hostname: printable(asked.hostname) };
  try {
    return await store.change(
      {
        who: `connector ${request.hostname}`,
        what: 'connector joined',
        topics: ['connectors', 'networks'],
      },
      async (tx, note) => {
        const { challengeId, keyProof, wireguardKey, secret } = request;
        const proof = { challengeId, keyProof, wireguardKey, identityThumbprint: key.thumbprint };
        await challenges.accept(tx, proof);
        const known = await knownConnector(tx, key, wireguardKey);
        const id = known?.id ?? newId('connector');
        const token = await takeConnectorToken(tx, secret, id, store.clock());
        if (!known) await addPeer(tx, peerOf(id, key, wireguardKey));
        await place(tx, id, token.networkId, request, store.clock());
        note({
          after: {
            connectorId: id,
            networkId: token.networkId,
            name: request.hostname,
            wireguardKey,
          },
        });
        return id;
      },
    );
  } catch (error) {
    // The refusal undid the transaction, and has to be in the log all the same (T27).
    if (error instanceof Refusal) await recordRefusal(store, request, error);
    throw error;
  }
}

/** A name without control and direction characters cannot pass for something else. */
function printable(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}]/gu, '').trim() || 'unnamed';
}

function peerOf(id: string, key: ProvedKey, wireguardKey: string) {
  const { jwk, thumbprint } = key;
  const identity = { identityKey: writeJson(jwk), identityThumbprint: thumbprint };
  return { id, kind: 'connector' as const, wireguardKey, ...identity };
}

async function knownConnector(
  tx: Tx,
  key: ProvedKey,
  wireguardKey: string,
): Promise<PeerTable | undefined> {
  const { thumbprint } = key;
  const peers = await tx
    .selectFrom('peers')
    .selectAll()
    .where((row) =>
      row.or([row('wireguardKey', '=', wireguardKey), row('identityThumbprint', '=', thumbprint)]),
    )
    .execute();
  const [peer] = peers;
  const isTaken = await isKeyOfAnother(
    tx,
    { wireguardKey, identityThumbprint: thumbprint },
    CONNECTOR_OWNER,
  );
  const isSame =
    peers.length === 1 &&
    peer?.kind === 'connector' &&
    peer.wireguardKey === wireguardKey &&
    peer.identityThumbprint === thumbprint;
  if (isTaken || (peer && !isSame)) {
    throw new Refusal(
      409,
      'key-taken',
      'One of these keys belongs to somebody else. Remove the connector’s state directory, then join again.',
    );
  }
  return peer;
}

async function place(
  tx: Tx,
  id: string,
  networkId: string,
  request: JoinRequest,
  now: number,
): Promise<void> {
  const values = { networkId, name: request.hostname, version: request.version };
  await tx
    .insertInto('connectors')
    .values({
      ...values,
      id,
      joinedAt: now,
      appliedRevision: null,
      problem: null,
      health: null,
      lastSeenAt: now,
    })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ ...values, health: null }))
    .execute();
}

async function recordRefusal(store: Store, request: JoinRequest, refusal: Refusal): Promise<void> {
  const who = `connector ${request.hostname}`;
  const what = `connector refused: ${refusal.code}`;
  await store.record({ who, what, topics: [] }, async (_tx, note) =>
    note({ after: { hostname: request.hostname, wireguardKey: request.wireguardKey } }),
  );
}
