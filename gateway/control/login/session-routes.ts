/** What the dashboard asks about the person who is signed in. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Session } from '../../contract/admin-api.ts';
import { readOrganisation } from '../enrol/organisation.ts';
import type { Trust } from '../enrol/trust.ts';
import { ADMIN_ROOT } from '../http/admin-access.ts';
import type { Store } from '../store/store.ts';
import { type BrowserSessions, signedInOf } from './browser-session.ts';

export interface SessionParts {
  store: Store;
  trust: Trust;
  sessions: BrowserSessions;
}

export function registerSession(
  app: FastifyInstance,
  { store, trust, sessions }: SessionParts,
): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    `${ADMIN_ROOT}/session`,
    { schema: { response: { 200: Session } } },
    async (request) => {
      const person = signedInOf(request);
      const { id, name } = await readOrganisation(store.db);
      return {
        user: { id: person.userId, email: person.email, name: person.name },
        role: person.role,
        organisation: { id, name },
        joinLink: trust.joinLink,
        revision: await store.revision(),
      };
    },
  );
  typed.post(
    `${ADMIN_ROOT}/session/end`,
    { schema: { response: { 204: z.null() } } },
    async (request, reply) => {
      await sessions.end(request, reply);
      await store.record({ who: signedInOf(request).email, what: 'signed out', topics: [] });
      return reply.status(204).send(null);
    },
  );
}
