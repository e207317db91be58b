/** The audit log: who did what, before and after, each row chained to the one before it. */
import { createHash } from 'node:crypto';
import type { AuditTable, Db, Tx } from './database.ts';

export interface AuditRecord {
  at: number;
  who: string;
  what: string;
  before: unknown;
  after: unknown;
}

const START = 'culvert-audit-v1';

export async function appendAudit(tx: Tx, record: AuditRecord): Promise<void> {
  const last = await tx
    .selectFrom('audit')
    .select(['id', 'hash'])
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  const row = {
    id: (last?.id ?? 0) + 1,
    at: record.at,
    who: record.who,
    what: record.what,
    before: JSON.stringify(record.before ?? null),
    after: JSON.stringify(record.after ?? null),
    previousHash: last?.hash ?? START,
  };
  await tx
    .insertInto('audit')
    .values({ ...row, hash: hashOf(row) })
    .execute();
}

/** The first row that was changed, or that follows a removed one; undefined when the log is whole. */
export async function findBrokenAudit(db: Db): Promise<number | undefined> {
  let previousHash = START;
  for await (const row of db.selectFrom('audit').selectAll().orderBy('id').stream()) {
    if (row.previousHash !== previousHash || row.hash !== hashOf(row)) return row.id;
    previousHash = row.hash;
  }
  return undefined;
}

function hashOf(row: Omit<AuditTable, 'hash'>): string {
  const covered = [row.previousHash, row.id, row.at, row.who, row.what, row.before, row.after];
  return createHash('sha256').update(JSON.stringify(covered)).digest('base64url');
}
