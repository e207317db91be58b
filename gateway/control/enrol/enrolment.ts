/** Makes a device of a signed-in person's keys, or renews its session: all or nothing, in one transaction. */
import type { EnrolRequest } from '../../contract/device-api.ts';
import { Refusal } from '../http/fault.ts';
import { addPeer } from '../store/addresses.ts';
import type { PeerTable, Tx } from '../store/database.ts';
import { newId } from '../store/identifier.ts';
import { writeJson } from '../store/json-column.ts';
import { isKeyOfAnother } from '../store/peers.ts';
import type { Store } from '../store/store.ts';
import { acceptOnce } from '../store/used-proof.ts';
import type { BoundToken } from './dpop.ts';
import type { KeyChallenges } from './key-challenge.ts';
import { readOrganisation } from './organisation.ts';

/** The device's id. */
export async function enrolDevice(
  store: Store,
  challenges: KeyChallenges,
  token: BoundToken,
  request: EnrolRequest,
): Promise<string> {
  const who = await emailOf(store, token.userId);
  try {
    return await store.change(
      { who, what: 'device enrolled', topics: ['devices', 'people'] },
      async (tx, note) => {
        if (!(await acceptOnce(tx, token.tokenUse, token.expiresAt))) throw tokenUsed();
        const { wireguardKey, challengeId, keyProof } = request;
        await challenges.accept(tx, {
          challengeId,
          keyProof,
          wireguardKey,
          identityThumbprint: token.thumbprint,
        });
        const known = await knownPeer(tx, token, request);
        const deviceId = known ? known.id : await addDevice(tx, token, request, store.clock());
        const sessionExpiresAt = await renew(tx, deviceId, request, store.clock());
        note({
          what: known ? 'device session renewed' : 'device enrolled',
          after: { deviceId, name: request.name, os: request.os, wireguardKey, sessionExpiresAt },
        });
        return deviceId;
      },
    );
  } catch (error) {
    // The refusal undid the transaction, and has to be in the log all the same.
    if (error instanceof Refusal) await recordRefusal(store, who, request, error);
    throw error;
  }
}

/** The same keys by the same person renew; one key of the two, or another person, is refused (T29). */
async function knownPeer(
  tx: Tx,
  token: BoundToken,
  request: EnrolRequest,
): Promise<PeerTable | undefined> {
  const peers = await tx
    .selectFrom('peers')
    .selectAll()
    .where((peer) =>
      peer.or([
        peer('wireguardKey', '=', request.wireguardKey),
        peer('identityThumbprint', '=', token.thumbprint),
      ]),
    )
    .execute();
  const [peer] = peers;
  if (!peer) return undefined;
  const isSame =
    peers.length === 1 &&
    peer.wireguardKey === request.wireguardKey &&
    peer.identityThumbprint === token.thumbprint;
  const device = await tx
    .selectFrom('devices')
    .select('userId')
    .where('id', '=', peer.id)
    .executeTakeFirst();
  if (!isSame || device?.userId !== token.userId) throw keyInUse();
  return peer;
}

async function addDevice(
  tx: Tx,
  token: BoundToken,
  request: EnrolRequest,
  now: number,
): Promise<string> {
  const keys = { wireguardKey: request.wireguardKey, identityThumbprint: token.thumbprint };
  if (await isKeyOfAnother(tx, keys, token.userId)) throw keyInUse();
  const id = newId('device');
  await addPeer(tx, { ...keys, id, kind: 'device', identityKey: writeJson(token.jwk) });
  await tx
    .insertInto('devices')
    .values({
      id,
      userId: token.userId,
      profileId: null,
      ...descriptionOf(request),
      enrolledAt: now,
      sessionExpiresAt: now,
      appliedRevision: null,
      problem: null,
      lastSeenAt: null,
    })
    .execute();
  return id;
}

async function renew(
  tx: Tx,
  deviceId: string,
  request: EnrolRequest,
  now: number,
): Promise<number> {
  const { sessionSeconds } = await readOrganisation(tx);
  const sessionExpiresAt = now + sessionSeconds * 1000;
  await tx
    .updateTable('devices')
    .set({ ...descriptionOf(request), sessionExpiresAt })
    .where('id', '=', deviceId)
    .execute();
  return sessionExpiresAt;
}

/** Names come from the device: without control and direction characters they cannot pass for something else. */
function descriptionOf(request: EnrolRequest) {
  return {
    name: request.name.replace(/[\p{Cc}\p{Cf}]/gu, '').trim() || 'unnamed',
    os: request.os,
    osVersion: request.osVersion ?? null,
    clientVersion: request.clientVersion,
  };
}

async function emailOf(store: Store, userId: string): Promise<string> {
  const user = await store.db
    .selectFrom('users')
    .select('email')
    .where('id', '=', userId)
    .executeTakeFirst();
  if (user) return user.email;
  throw new Refusal(401, 'token-refused', 'This person is not in the organisation any more.');
}

async function recordRefusal(
  store: Store,
  who: string,
  request: EnrolRequest,
  refusal: Refusal,
): Promise<void> {
  await store.record(
    { who, what: `enrolment refused: ${refusal.code}`, topics: [] },
    async (_tx, note) => {
      note({ after: { name: request.name, os: request.os, wireguardKey: request.wireguardKey } });
    },
  );
}

function tokenUsed(): Refusal {
  return new Refusal(
    401,
    'token-used',
    'This sign-in has enrolled a device already. Sign in again.',
  );
}

function keyInUse(): Refusal {
  return new Refusal(
    409,
    'key-in-use',
    'This key belongs to another device or was another person’s. Sign out on this device, which makes new keys, and sign in again.',
    'wireguardKey',
  );
}
