/** Writes down what a receiver tells over its stream: when it was seen, what it applied, how a connector is. */

import type { Store } from '../store/store.ts';
import { ConnectorHealth, type HealthReply, healthColumn } from './connector-health.ts';
import type { Stream } from './streams.ts';

export interface Seen {
  appliedRevision?: number;
  problem?: string | null;
  health?: string;
}

/** In any case that it was seen now. */
export async function recordSeen(
  { db, clock }: Store,
  stream: Stream,
  { health, ...shared }: Seen = {},
): Promise<void> {
  const seen = { ...shared, lastSeenAt: clock() };
  if (stream.kind === 'device') {
    await db.updateTable('devices').set(seen).where('id', '=', stream.id).execute();
  } else {
    const all = health === undefined ? seen : { ...seen, health };
    await db.updateTable('connectors').set(all).where('id', '=', stream.id).execute();
  }
}

/** `reach`: it began or ceased to reach nothing, so that others have to be told where to go. */
export async function recordHealth(
  store: Store,
  stream: Stream,
  reply: HealthReply,
): Promise<'same' | 'other' | 'reach'> {
  const row = await store.db
    .selectFrom('connectors')
    .select('health')
    .where('id', '=', stream.id)
    .executeTakeFirst();
  const health = healthColumn(reply);
  await recordSeen(store, stream, health === row?.health ? {} : { health });
  if (!row || health === row.health) return 'same';
  const [before, after] = [ConnectorHealth.of(row.health), ConnectorHealth.of(health)];
  return before.reachesNothing === after.reachesNothing ? 'other' : 'reach';
}
