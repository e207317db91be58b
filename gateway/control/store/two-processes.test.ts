import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { findBrokenAudit } from './audit.ts';
import { scratchStore } from './scratch-store.ts';

test('of two processes that use the same one-time things, exactly one gets each', async () => {
  await using scratch = await scratchStore();
  const folder = JSON.stringify(import.meta.dirname);
  const program = `
    const { openStore } = await import(${folder} + '/store.ts');
    const { openDataDirectory } = await import(${folder} + '/data-directory.ts');
    const { acceptOnce } = await import(${folder} + '/used-proof.ts');
    const store = await openStore(openDataDirectory(${JSON.stringify(scratch.path)}));
    const won = [];
    for (let id = 0; id < 60; id += 1) {
      await store.change({ who: 'test', what: 'race', topics: [] }, async (tx) => {
        if (await acceptOnce(tx, 'token:' + id, 1)) won.push(id);
      });
    }
    await store.close();
    console.log(JSON.stringify(won));`;
  const run = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);

  const answers = await Promise.all([run(), run()]);

  const won = answers.flatMap(({ stdout }) => JSON.parse(stdout) as number[]).sort((a, b) => a - b);
  expect(won).toEqual(Array.from({ length: 60 }, (_, id) => id));
  expect(await scratch.store.revision()).toBe(120);
  expect(await findBrokenAudit(scratch.store.db)).toBeUndefined();
}, 30_000);

test('a process that is killed in the middle of a change leaves nothing of it, and all before it', async () => {
  await using scratch = await scratchStore();
  const folder = JSON.stringify(import.meta.dirname);
  const program = `
    const { openStore } = await import(${folder} + '/store.ts');
    const { openDataDirectory } = await import(${folder} + '/data-directory.ts');
    const store = await openStore(openDataDirectory(${JSON.stringify(scratch.path)}));
    const add = (name, then) => store.change({ who: 'test', what: name, topics: [] }, async (tx) => {
      await tx.insertInto('networks').values({ id: name, name, createdAt: 1 }).execute();
      await then?.();
    });
    for (let id = 0; id < 20; id += 1) await add('whole ' + id);
    await add('half', () => process.kill(process.pid, 'SIGKILL'));`;

  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]).catch(
    () => {},
  );

  const names = await scratch.store.db.selectFrom('networks').select('name').execute();
  expect(names).toHaveLength(20);
  expect(names.map((row) => row.name)).not.toContain('half');
  expect(await scratch.store.revision()).toBe(20);
  expect(await findBrokenAudit(scratch.store.db)).toBeUndefined();
}, 30_000);
