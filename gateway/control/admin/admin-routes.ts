/** The administrator's REST API (contract/admin-api.ts). Who may call what is one table in http/admin-access.ts. */
import type { FastifyInstance } from 'fastify';
import { REVISION_HEADER } from '../../contract/admin-api.ts';
import { ADMIN_ROOT } from '../http/admin-access.ts';
import type { AdminParts } from './admin-parts.ts';
import { registerDevices } from './device-routes.ts';
import { registerEvents } from './event-routes.ts';
import { registerNetworks } from './network-routes.ts';
import { registerOverview } from './overview-routes.ts';
import { registerPeople } from './people-routes.ts';
import { registerProfiles } from './profile-routes.ts';
import { registerRules } from './rule-routes.ts';

export function registerAdmin(app: FastifyInstance, parts: AdminParts): void {
  app.addHook('onSend', async (request, reply) => {
    if (!request.url.startsWith(`${ADMIN_ROOT}/`) || reply.statusCode >= 400) return;
    reply.header(REVISION_HEADER, await parts.store.revision());
  });
  registerNetworks(app, parts);
  registerRules(app, parts);
  registerDevices(app, parts);
  registerPeople(app, parts);
  registerProfiles(app, parts);
  registerOverview(app, parts);
  registerEvents(app, parts);
}
