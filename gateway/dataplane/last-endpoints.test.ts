import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LastEndpoints } from './last-endpoints.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-endpoints-'));
  path = join(folder, 'endpoints.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

test('what was heard is known after a restart, except of those who were removed', () => {
  const first = new LastEndpoints(path);
  first.take('dev-1', '192.0.2.1:7');
  first.take('dev-1', null);
  first.take('dev-2', '192.0.2.2:7');
  first.save(['dev-1']);

  expect(new LastEndpoints(path).of(['dev-1', 'dev-2'])).toEqual({ 'dev-1': '192.0.2.1:7' });
});

test('a damaged file is an empty one', () => {
  writeFileSync(path, '{"dev-1":');

  expect(new LastEndpoints(path).of(['dev-1'])).toEqual({});
});
