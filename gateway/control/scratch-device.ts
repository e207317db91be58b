/** For tests: a device as enrolment stores it, without the sign-in before it. */
import { generateKeyPair } from '../dataplane/engine-place.ts';
import { generateIdentity, type Identity } from '../trust/identity.ts';
import { addPeer } from './store/addresses.ts';
import { newId } from './store/identifier.ts';
import type { Store } from './store/store.ts';

export interface ScratchDevice {
  id: string;
  identity: Identity;
  wireguardKey: string;
}

export async function scratchDevice(
  store: Store,
  { sessionMs = 3_600_000 }: { sessionMs?: number } = {},
): Promise<ScratchDevice> {
  const identity = generateIdentity();
  const id = newId('device');
  const wireguardKey = generateKeyPair().publicKey;
  const user = await store.db.selectFrom('users').select('id').executeTakeFirstOrThrow();
  const now = Date.now();
  await store.change({ who: 'test', what: 'device enrolled', topics: ['devices'] }, async (tx) => {
    const { publicJwk, thumbprint } = identity;
    const keys = { identityKey: JSON.stringify(publicJwk), identityThumbprint: thumbprint };
    await addPeer(tx, { id, kind: 'device', wireguardKey, ...keys });
    const software = { os: 'linux', osVersion: null, clientVersion: '1' };
    const nothingYet = { appliedRevision: null, problem: null, lastSeenAt: null };
    const dates = { enrolledAt: now, sessionExpiresAt: now + sessionMs };
    await tx
      .insertInto('devices')
      .values({
        id,
        userId: user.id,
        profileId: null,
        name: 'laptop',
        ...software,
        ...dates,
        ...nothingYet,
      })
      .execute();
  });
  return { id, identity, wireguardKey };
}
