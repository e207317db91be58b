/** The device's first and last call. Its stream and `explain` are in push/. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Provider } from 'oidc-provider';
import { z } from 'zod';
import { EnrolAnswer, EnrolRequest } from '../../contract/device-api.ts';
import { KeyChallenge } from '../../contract/proof.ts';
import type { Gateway } from '../gateway.ts';
import { perMinute } from '../http/app.ts';
import { removePeer } from '../store/peers.ts';
import type { Store } from '../store/store.ts';
import { verifyBoundToken } from './dpop.ts';
import { enrolDevice } from './enrolment.ts';

export type DeviceParts = Pick<
  Gateway,
  'configuration' | 'store' | 'keyChallenges' | 'proofs' | 'snapshots'
> & { oauth: Provider };

export function registerDevices(app: FastifyInstance, parts: DeviceParts): void {
  const { store, keyChallenges, proofs, snapshots } = parts;
  const typed = app.withTypeProvider<ZodTypeProvider>();

  typed.post(
    '/v1/devices/challenge',
    { config: perMinute(120), schema: { response: { 200: KeyChallenge } } },
    () => keyChallenges.issue(),
  );

  typed.post(
    '/v1/devices/enrol',
    { config: perMinute(120), schema: { body: EnrolRequest, response: { 200: EnrolAnswer } } },
    async (request) => {
      const token = await verifyBoundToken(
        store,
        parts.oauth,
        parts.configuration.publicUrl,
        request,
      );
      const deviceId = await enrolDevice(store, keyChallenges, token, request.body);
      return { deviceId, snapshot: await snapshots.forDevice(deviceId) };
    },
  );

  typed.post(
    '/v1/device/leave',
    { schema: { response: { 204: z.null() } } },
    async (request, reply) => {
      const { id } = await proofs.peerOf(request, 'device');
      await removeDevice(store, id, 'signed out on the device');
      return reply.status(204).send(null);
    },
  );
}

/** Also for an administrator's removal; the device's stream sees it by the change. */
export async function removeDevice(
  store: Store,
  id: string,
  why: string,
  who?: string,
): Promise<boolean> {
  const device = await store.db
    .selectFrom('devices')
    .innerJoin('users', 'users.id', 'devices.userId')
    .select(['devices.name', 'devices.userId', 'users.email'])
    .where('devices.id', '=', id)
    .executeTakeFirst();
  if (!device) return false;
  const intent = {
    who: who ?? device.email,
    what: `device removed: ${why}`,
    topics: ['devices', 'people'] as const,
  };
  await store.change({ ...intent, topics: [...intent.topics] }, async (tx, note) => {
    note({ before: { deviceId: id, name: device.name } });
    await removePeer(tx, id, device.userId);
  });
  return true;
}
