/** What is done to a network, each with its line in the log. */
import type { FastifyRequest } from 'fastify';
import { said } from '../../contract/said.ts';
import { CONNECTOR_OWNER } from '../connectors/join.ts';
import { Refusal } from '../http/fault.ts';
import type { NetworkTable, Tx } from '../store/database.ts';
import { newId } from '../store/identifier.ts';
import { removePeer } from '../store/peers.ts';
import { type AdminParts, whoOf } from './admin-parts.ts';
import { forgetNetwork } from './rule-rows.ts';

export async function createNetwork(
  { store, ...parts }: AdminParts,
  request: FastifyRequest,
  name: string,
): Promise<string> {
  const id = newId('network');
  const intent = {
    who: whoOf({ store, ...parts }, request),
    what: 'network created',
    topics: ['networks' as const],
  };
  await store.change(intent, async (tx, note) => {
    await assertFreeName(tx, name, id);
    await tx.insertInto('networks').values({ id, name, createdAt: store.clock() }).execute();
    note({ after: { id, name } });
  });
  return id;
}

export async function renameNetwork(
  parts: AdminParts,
  request: FastifyRequest,
  id: string,
  name: string,
): Promise<void> {
  const intent = {
    who: whoOf(parts, request),
    what: 'network renamed',
    topics: ['networks' as const],
  };
  await parts.store.change(intent, async (tx, note) => {
    const before = await networkRow(tx, id);
    await assertFreeName(tx, name, id);
    await tx.updateTable('networks').set({ name }).where('id', '=', id).execute();
    note({ before: { id, name: before.name }, after: { id, name } });
  });
}

/** Its connectors go with it, and no rule that named it alone may be left to mean every network. */
export async function deleteNetwork(
  parts: AdminParts,
  request: FastifyRequest,
  id: string,
): Promise<void> {
  const topics = ['networks', 'connectors', 'rules'] as const;
  const intent = { who: whoOf(parts, request), what: 'network deleted', topics: [...topics] };
  await parts.store.change(intent, async (tx, note) => {
    const before = await networkRow(tx, id);
    const connectors = await tx
      .selectFrom('connectors')
      .select('id')
      .where('networkId', '=', id)
      .execute();
    for (const connector of connectors) await removePeer(tx, connector.id, CONNECTOR_OWNER);
    const rules = await forgetNetwork(tx, id);
    await tx.deleteFrom('networks').where('id', '=', id).execute();
    note({ before: { id, name: before.name, connectors: connectors.length, rules } });
  });
}

export async function networkRow(tx: Tx, id: string): Promise<NetworkTable> {
  const row = await tx.selectFrom('networks').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw unknownNetwork();
  return row;
}

async function assertFreeName(tx: Tx, name: string, id: string): Promise<void> {
  const twin = await tx
    .selectFrom('networks')
    .select('id')
    .where('name', '=', name)
    .where('id', '!=', id)
    .executeTakeFirst();
  if (twin) throw Refusal.saying(409, said('name-taken', { name }), 'name');
}

export function unknownNetwork(): Refusal {
  return Refusal.saying(404, said('network-unknown'));
}
