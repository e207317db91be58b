/** `native/CONFORMANCE.md` names tests; this holds it to the sources, both ways. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const native = path.resolve(import.meta.dirname, '../native');
const LINES = 51;

interface NamedTest {
  line: number;
  file: string;
  name: string;
}

const rows = readFileSync(path.join(native, 'CONFORMANCE.md'), 'utf8')
  .split('\n')
  .filter((text) => /^\| \d+ \|/.test(text));
const named = rows.flatMap(testsOf);

test('each of the 51 lines has its row, in order, and a test', () => {
  expect(rows.map(lineOf)).toEqual(Array.from({ length: LINES }, (_, index) => index + 1));
  expect([...new Set(named.map(({ line }) => line))]).toHaveLength(LINES);
});

test('each test that is named is in the file that is named', () => {
  const absent = named.filter(({ file, name }) => !testsIn(file).has(name));

  expect(absent).toEqual([]);
});

test('each test that is called after a line is named in its row', () => {
  const known = new Set(named.map(({ line, file, name }) => `${line} ${file} ${name}`));
  const files = globSync('{core,engine}/{src,tests}/**/*.rs', { cwd: native });
  const called = files.flatMap((file) =>
    [...testsIn(file)].flatMap((name) => {
      const line = /^line_(\d+)_/.exec(name)?.[1];
      return line === undefined ? [] : [`${line} ${file} ${name}`];
    }),
  );

  expect(called.length).toBeGreaterThan(LINES);
  expect(called.filter((test) => !known.has(test))).toEqual([]);
});

function lineOf(row: string): number {
  return Number(/^\| (\d+) \|/.exec(row)?.[1]);
}

/** `file`: `test`, `test`<br>`file`: `test` */
function testsOf(row: string): NamedTest[] {
  const cell = row.split(' | ')[2] ?? '';
  return cell.split('<br>').flatMap((part) => {
    const [file = '', ...names] = [...part.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
    return names.map((name) => ({ line: lineOf(row), file, name }));
  });
}

function testsIn(file: string): Set<string> {
  const text = readFileSync(path.join(native, file), 'utf8');
  const pattern = file.endsWith('.rs')
    ? /#\[test\]\s*(?:#\[[^\]]*\]\s*)*fn (\w+)\(/g
    : /\btest\(\s*'([^']+)'/g;
  return new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ''));
}
