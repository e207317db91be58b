/**
 * Opens the store and owns its one way to change anything: `change` runs in one transaction, raises the revision,
 * writes the audit row, and tells listeners after the commit.
 */
import { CamelCasePlugin, Kysely } from 'kysely';
import type { Change } from '../../contract/admin-api.ts';
import { Fault } from '../http/fault.ts';
import { type AuditRecord, appendAudit } from './audit.ts';
import type { DataDirectory } from './data-directory.ts';
import type { Database, Db, Tx } from './database.ts';
import { migrate } from './migrations.ts';
import { openSecrets, type Secrets } from './secrets.ts';
import { sqliteDialect } from './sqlite.ts';

export type Topic = Change['topics'][number];
export type Clock = () => number;

/** What the audit row says beside who and what. `what` may be made more exact once the outcome is known. */
export type Note = (details: { what?: string; before?: unknown; after?: unknown }) => void;

export interface Intent {
  /** An e-mail address, `device dev_…`, `connector con_…`, or `gateway`. */
  who: string;
  /** `network created`: a short phrase. */
  what: string;
  /** Pages of the dashboard that must read again; `overview` and `audit` are always told. */
  topics: Topic[];
}

export interface Store {
  /** For reading. Inside `change`, use its transaction instead: there is one connection, so this one would wait for ever. */
  db: Db;
  secrets: Secrets;
  clock: Clock;
  /** For what alters anybody's configuration. */
  change<T>(intent: Intent, work: (tx: Tx, note: Note) => Promise<T>): Promise<T>;
  /** For what does not (sign-ins, refusals): an audit row, no new revision. */
  record(intent: Intent, work?: (tx: Tx, note: Note) => Promise<void>): Promise<void>;
  /** Tells listeners about something that is not in the store (a connector came online). */
  announce(topics: Topic[]): Promise<void>;
  onChange(listener: (change: Change) => void): () => void;
  revision(): Promise<number>;
  close(): Promise<void>;
}

export async function openStore(directory: DataDirectory, clock: Clock = Date.now): Promise<Store> {
  const secrets = openSecrets(directory);
  const file = directory.file('culvert.db');
  try {
    const db = new Kysely<Database>({
      dialect: sqliteDialect(file),
      plugins: [new CamelCasePlugin()],
    });
    await migrate(db);
    return new SqlStore(db, secrets, clock);
  } catch (cause) {
    throw isDamage(cause) ? damaged(file, cause) : cause;
  }
}

/** SQLITE_CORRUPT, and SQLITE_NOTADB, which a damaged first page gives. */
const DAMAGE_CODES = [11, 26];

function isDamage(cause: unknown): cause is Error {
  return (
    cause instanceof Error && 'errcode' in cause && DAMAGE_CODES.includes(Number(cause.errcode))
  );
}

function damaged(file: string, cause: Error): Fault {
  return new Fault(
    'store-damaged',
    `The database ${file} is damaged (${cause.message}). Nothing was changed: put a backup in its place, then start again.`,
    cause,
  );
}

class SqlStore implements Store {
  readonly db: Db;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly #listeners = new Set<(change: Change) => void>();

  constructor(db: Db, secrets: Secrets, clock: Clock) {
    this.db = db;
    this.secrets = secrets;
    this.clock = clock;
  }

  async change<T>(intent: Intent, work: (tx: Tx, note: Note) => Promise<T>): Promise<T> {
    const { result, revision } = await this.db.transaction().execute(async (tx) => {
      const result = await this.#audited(tx, intent, work);
      return { result, revision: await raiseRevision(tx) };
    });
    this.#tell({ topics: withAlwaysTold(intent.topics), revision });
    return result;
  }

  async record(
    intent: Intent,
    work: (tx: Tx, note: Note) => Promise<void> = async () => {},
  ): Promise<void> {
    const revision = await this.db.transaction().execute(async (tx) => {
      await this.#audited(tx, intent, work);
      return readRevision(tx);
    });
    this.#tell({ topics: withAlwaysTold(intent.topics), revision });
  }

  async announce(topics: Topic[]): Promise<void> {
    this.#tell({ topics, revision: await this.revision() });
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  revision(): Promise<number> {
    return readRevision(this.db);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.db.destroy();
  }

  async #audited<T>(tx: Tx, intent: Intent, work: (tx: Tx, note: Note) => Promise<T>): Promise<T> {
    const record: AuditRecord = {
      at: this.clock(),
      who: intent.who,
      what: intent.what,
      before: null,
      after: null,
    };
    const result = await work(tx, (details) => Object.assign(record, details));
    await appendAudit(tx, record);
    return result;
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function withAlwaysTold(topics: Topic[]): Topic[] {
  return [...new Set<Topic>([...topics, 'overview', 'audit'])];
}

async function raiseRevision(tx: Tx): Promise<number> {
  const row = await tx
    .updateTable('counters')
    .set((row) => ({ value: row('value', '+', 1) }))
    .where('name', '=', 'revision')
    .returning('value')
    .executeTakeFirstOrThrow();
  return Number(row.value);
}

async function readRevision(db: Db | Tx): Promise<number> {
  const row = await db
    .selectFrom('counters')
    .select('value')
    .where('name', '=', 'revision')
    .executeTakeFirstOrThrow();
  return Number(row.value);
}
