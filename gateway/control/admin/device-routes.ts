/** Devices, as administrators see and remove them. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Device } from '../../contract/admin-api.ts';
import { said } from '../../contract/said.ts';
import { removeDevice } from '../enrol/device-routes.ts';
import { ADMIN_ROOT } from '../http/admin-access.ts';
import { Refusal } from '../http/fault.ts';
import { sendList } from '../http/json-list.ts';
import { type AdminParts, whoOf } from './admin-parts.ts';
import { readDevices } from './device-answers.ts';

export function registerDevices(app: FastifyInstance, parts: AdminParts): void {
  const { store, live } = parts;
  const typed = app.withTypeProvider<ZodTypeProvider>();

  typed.get(
    `${ADMIN_ROOT}/devices`,
    { schema: { response: { 200: z.array(Device) } } },
    async (_request, reply) =>
      sendList(reply, Device, readDevices({ db: store.db, live, now: store.clock() })),
  );
  typed.delete(
    `${ADMIN_ROOT}/devices/:id`,
    { schema: { params: z.object({ id: z.string().max(64) }), response: { 204: z.null() } } },
    async (request, reply) => {
      const { id } = request.params;
      const isRemoved = await removeDevice(store, id, 'by an administrator', whoOf(parts, request));
      if (!isRemoved) throw Refusal.saying(404, said('device-unknown'));
      return reply.status(204).send(null);
    },
  );
}
