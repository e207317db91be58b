import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Change } from '../../contract/admin-api.ts';
import { findBrokenAudit } from './audit.ts';
import { openDataDirectory } from './data-directory.ts';
import { newId } from './identifier.ts';
import { scratchStore } from './scratch-store.ts';
import { openStore, type Store } from './store.ts';

test('a change raises the revision, writes one audit row and is told after its commit', async () => {
  await using scratch = await scratchStore(() => 1_000);
  const { store } = scratch;
  const told: Change[] = [];
  store.onChange((change) => told.push(change));

  await addNetwork(store, 'tokyo');

  expect(await store.revision()).toBe(1);
  expect(told).toEqual([{ topics: ['networks', 'overview', 'audit'], revision: 1 }]);
  expect(
    await store.db.selectFrom('audit').select(['id', 'at', 'who', 'what', 'after']).execute(),
  ).toEqual([
    {
      id: 1,
      at: 1_000,
      who: 'alice@example.com',
      what: 'network tokyo created',
      after: '{"name":"tokyo"}',
    },
  ]);
});

test('a damaged database is told in one sentence and left as it is', async () => {
  const path = mkdtempSync(join(tmpdir(), 'culvert-store-'));
  const file = join(path, 'culvert.db');
  writeFileSync(file, 'not a database at all, but long enough to be looked at'.repeat(200));
  const before = readFileSync(file);

  await expect(openStore(openDataDirectory(path))).rejects.toMatchObject({
    code: 'store-damaged',
    message: `The database ${file} is damaged (file is not a database). Nothing was changed: put a backup in its place, then start again.`,
  });

  expect(readFileSync(file)).toEqual(before);
  rmSync(path, { recursive: true });
});

test('a change that fails leaves neither rows, revision, audit nor a word to anybody', async () => {
  await using scratch = await scratchStore();
  const { store } = scratch;
  const told: Change[] = [];
  store.onChange((change) => told.push(change));
  await addNetwork(store, 'tokyo');

  await expect(addNetwork(store, 'tokyo')).rejects.toThrow(/UNIQUE/);

  expect(await store.revision()).toBe(1);
  expect(told).toHaveLength(1);
  expect(await store.db.selectFrom('audit').selectAll().execute()).toHaveLength(1);
  expect(await store.db.selectFrom('networks').selectAll().execute()).toHaveLength(1);
});

test('changes that run at once each get a revision of their own', async () => {
  await using scratch = await scratchStore();

  await Promise.all(
    Array.from({ length: 50 }, (_, index) => addNetwork(scratch.store, `net ${index}`)),
  );

  expect(await scratch.store.revision()).toBe(50);
  expect(await findBrokenAudit(scratch.store.db)).toBeUndefined();
});

test('an edited or removed audit row is found', async () => {
  await using scratch = await scratchStore();
  const { store } = scratch;
  for (const name of ['a', 'b', 'c']) await addNetwork(store, name);

  expect(await findBrokenAudit(store.db)).toBeUndefined();
  await store.db.updateTable('audit').set({ who: 'mallory' }).where('id', '=', 2).execute();
  expect(await findBrokenAudit(store.db)).toBe(2);
  await store.db.deleteFrom('audit').where('id', '=', 2).execute();
  expect(await findBrokenAudit(store.db)).toBe(3);
});

test('what was acknowledged is there after the process was killed', async () => {
  await using scratch = await scratchStore();
  await addNetwork(scratch.store, 'tokyo');

  // Nothing is closed here: the second opening reads what the first one has on disk, journal included.
  const again = await openStore(openDataDirectory(scratch.path));

  expect(await again.revision()).toBe(1);
  expect(await findBrokenAudit(again.db)).toBeUndefined();
  await again.close();
});

test('secrets come back after a restart, and their plain text is in no file', async () => {
  await using scratch = await scratchStore();
  await scratch.store.secrets.write(scratch.store.db, 'provider', 'correct horse battery staple');

  const again = await openStore(openDataDirectory(scratch.path));

  expect(await again.secrets.read(again.db, 'provider')).toBe('correct horse battery staple');
  await again.close();
  for (const name of readdirSync(scratch.path)) {
    expect(readFileSync(join(scratch.path, name)).includes('correct horse')).toBe(false);
  }
});

test('a secret cannot be moved to another name', async () => {
  await using scratch = await scratchStore();
  const { db, secrets } = scratch.store;
  await secrets.write(db, 'one', 'value');
  await db.updateTable('secrets').set({ name: 'two' }).where('name', '=', 'one').execute();

  await expect(secrets.read(db, 'two')).rejects.toMatchObject({ code: 'secret-unreadable' });
});

test('nobody else can read the directory or a file in it', async () => {
  await using scratch = await scratchStore();

  expect(statSync(scratch.path).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(scratch.path)) {
    expect([name, statSync(join(scratch.path, name)).mode & 0o777]).toEqual([name, 0o600]);
  }
});

test('a directory that others may write to is refused', () => {
  const path = mkdtempSync(join(tmpdir(), 'culvert-open-'));
  chmodSync(path, 0o777);

  expect(() => openDataDirectory(path)).toThrow(/chmod 700/);
  rmSync(path, { recursive: true });
});

test('released migrations are never edited', () => {
  const source = readFileSync(new URL('migrations/0001-foundation.ts', import.meta.url));

  expect(createHash('sha256').update(source).digest('hex')).toBe(FOUNDATION);
});

/** Before the first release a change here is allowed, together with this number. */
const FOUNDATION = 'e2c6e20adebdbddb659e091f6a24996e30429905db3fcc2d9c725d4cf19f3eb8';

function addNetwork(store: Store, name: string): Promise<string> {
  return store.change(
    { who: 'alice@example.com', what: 'network created', topics: ['networks'] },
    async (tx, note) => {
      const id = newId('network');
      await tx.insertInto('networks').values({ id, name, createdAt: store.clock() }).execute();
      note({ what: `network ${name} created`, after: { name } });
      return id;
    },
  );
}
