/** Kysely over Node's own SQLite. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { SqliteDialect } from 'kysely';

/** Statements are few and repeat; preparing costs more than running most of them. */
const PREPARED_STATEMENTS = 500;

export function sqliteDialect(file: string): SqliteDialect {
  const database = new DatabaseSync(file, { enableForeignKeyConstraints: true, timeout: 5_000 });
  database.exec('pragma journal_mode = wal');
  // NORMAL may lose the last commits at a power cut, and an acknowledged change must not be lost.
  database.exec('pragma synchronous = full');
  const prepare = rememberPrepared(database);
  return new SqliteDialect({
    database: {
      close: () => database.close(),
      prepare: (sql) => adapt(prepare(immediate(sql))),
    },
  });
}

/** A transaction that reads before it writes would otherwise fail when a second process writes in between. */
function immediate(sql: string): string {
  return sql === 'begin' ? 'begin immediate' : sql;
}

function rememberPrepared(database: DatabaseSync): (sql: string) => StatementSync {
  const prepared = new Map<string, StatementSync>();
  return (sql) => {
    const known = prepared.get(sql);
    if (known) return known;
    if (prepared.size >= PREPARED_STATEMENTS) prepared.clear();
    const statement = database.prepare(sql);
    prepared.set(sql, statement);
    return statement;
  };
}

function adapt(statement: StatementSync) {
  return {
    reader: statement.columns().length > 0,
    all: (values: readonly unknown[]) => statement.all(...(values as SQLInputValue[])),
    run: (values: readonly unknown[]) => statement.run(...(values as SQLInputValue[])),
    iterate: (values: readonly unknown[]) => statement.iterate(...(values as SQLInputValue[])),
  };
}
