/** People and groups, as the identity provider named them at their last sign-in, and what they may do here. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Person } from '../../contract/admin-api.ts';
import { said } from '../../contract/said.ts';
import { ADMIN_ROOT } from '../http/admin-access.ts';
import { Refusal } from '../http/fault.ts';
import type { Role } from '../store/database.ts';
import { type AdminParts, whoOf } from './admin-parts.ts';
import { readPeople } from './answers.ts';

export function registerPeople(app: FastifyInstance, parts: AdminParts): void {
  const { db } = parts.store;
  const typed = app.withTypeProvider<ZodTypeProvider>();

  typed.get(`${ADMIN_ROOT}/people`, { schema: { response: { 200: z.array(Person) } } }, () =>
    readPeople(db),
  );
  typed.patch(
    `${ADMIN_ROOT}/people/:id`,
    {
      schema: {
        params: z.object({ id: z.string().max(64) }),
        body: Person.pick({ role: true }),
        response: { 200: Person },
      },
    },
    async (request) => {
      await setRole(parts, request, request.params.id, request.body.role);
      const person = (await readPeople(db)).find(({ id }) => id === request.params.id);
      if (!person) throw unknownPerson();
      return person;
    },
  );
  typed.get(
    `${ADMIN_ROOT}/groups`,
    { schema: { response: { 200: z.array(z.string()) } } },
    async () => {
      const rows = await db
        .selectFrom('userGroups')
        .select('name')
        .distinct()
        .orderBy('name')
        .execute();
      return rows.map(({ name }) => name);
    },
  );
}

async function setRole(
  parts: AdminParts,
  request: FastifyRequest,
  id: string,
  role: Role,
): Promise<void> {
  const intent = { who: whoOf(parts, request), what: 'role changed', topics: ['people' as const] };
  await parts.store.change(intent, async (tx, note) => {
    const person = await tx.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst();
    if (!person) throw unknownPerson();
    await tx.updateTable('users').set({ role }).where('id', '=', id).execute();
    const owner = await tx
      .selectFrom('users')
      .select('id')
      .where('role', '=', 'owner')
      .executeTakeFirst();
    if (!owner) {
      throw Refusal.saying(409, said('last-owner'), 'role');
    }
    note({
      before: { email: person.email, role: person.role },
      after: { email: person.email, role },
    });
  });
}

function unknownPerson(): Refusal {
  return Refusal.saying(404, said('person-unknown'));
}
