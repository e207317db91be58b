/** Comments name threats (T…) and faults (R…) by number; the two lists that say what they are stay whole, and no longer. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
/** The bench numbers its measurements with a T too. */
const SOURCES = ['app', 'gateway', 'native', 'test', ':!test/bench', ':!test/scenarios/bench.*'];

test.for([
  ['T', 'SECURITY.md'],
  ['R', 'ARCHITECTURE.md'],
] as const)(
  'each %s… of a comment has its line in %s, and each line a comment',
  ([letter, file]) => {
    const listed = numbersIn(
      readFileSync(path.join(root, file), 'utf8'),
      letter,
      /^\| ([TR]\d+) \|/,
    );

    const named = commentLines().flatMap((line) => numbersIn(line, letter, /\b([TR]\d+)\b/g));

    expect(named.length).toBeGreaterThan(0);
    expect(sorted(listed)).toEqual(sorted(named));
  },
);

function commentLines(): string[] {
  const argv = ['grep', '-hE', '(//|/?\\*|#).*\\b[TR][0-9]+\\b', '--', ...SOURCES];
  const text = execFileSync('git', [...argv, ':!*.md', ':!*.tsx', ':!*.svg'], { cwd: root });
  return text.toString().split('\n').filter(Boolean);
}

function numbersIn(text: string, letter: string, pattern: RegExp): string[] {
  const lines = text.split('\n');
  const found = lines.flatMap((line) => [...line.matchAll(new RegExp(pattern, 'g'))]);
  return found.flatMap(([, number = '']) => (number.startsWith(letter) ? [number] : []));
}

function sorted(numbers: string[]): string[] {
  return [...new Set(numbers)].sort();
}
