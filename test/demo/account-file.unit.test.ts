/** Where the account of a demo goes, and where it can not. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AccountFile } from './account-file.ts';

const DEMO = path.join(import.meta.dirname, 'main.ts');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'culvert-account-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a demo whose account can not be kept says so before it begins', async () => {
  const file = path.join(folder, 'no-folder', 'demo.json');

  const [code, stdout, stderr] = await new Promise<[unknown, string, string]>((resolve) => {
    execFile(process.execPath, [DEMO, '--json', file], (error, ...said) =>
      resolve([error?.code, ...said]),
    );
  });

  expect([code, stdout, stderr]).toEqual([
    1,
    '',
    `can not write ${file}: ENOENT: no such file or directory; name another file with --json\n`,
  ]);
});

test('an account takes the place of what was in the file', async () => {
  const file = path.join(folder, 'demo.json');
  writeFileSync(file, 'x'.repeat(1000));

  await using account = await AccountFile.open(file);
  await account.write({ exitCode: 0, steps: [] });

  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ exitCode: 0, steps: [] });
});

test('a disk that has become full meanwhile is a sentence too', async () => {
  await using account = await AccountFile.open('/dev/full');

  await expect(account.write({ exitCode: 0 })).rejects.toThrow(
    'can not write /dev/full: ENOSPC: no space left on device; name another file with --json',
  );
});
