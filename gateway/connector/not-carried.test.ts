import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { notCarried, notCarriedLine, reasons } from './not-carried.ts';

const native = join(import.meta.dirname, '../../native');

test('each reason that a connector’s engine counts has a sentence, and no sentence is left over', () => {
  const counted = [
    ...namesIn('netstack/src/drops.rs', /=> "([\w-]+)"/g),
    ...namesIn('core/src/drop_reason.rs', /=> "([\w-]+)"/g),
    ...namesIn('engine/src/connector/shared.rs', /\("([\w-]+)", &self\.\w+\)/g),
    ...namesIn('engine/src/connector/plane/orders.rs', /\[\("([\w-]+)", \w+\)\]/g),
  ];

  expect(counted).toContain('overrun');
  expect(Object.keys(reasons).toSorted()).toEqual([...new Set(counted)].toSorted());
});

test('the most frequent comes first, what never happened is left out, and an unknown name stands alone', () => {
  const all = notCarried({ 'no-route': 3, overrun: 12, replayed: 0, 'of-tomorrow': 1 });

  expect(all.map(({ reason, meaning }) => [reason, meaning])).toEqual([
    ['overrun', reasons.overrun],
    ['no-route', reasons['no-route']],
    ['of-tomorrow', null],
  ]);
  expect(all.map(notCarriedLine)).toEqual([
    `12 × overrun: ${reasons.overrun}`,
    `3 × no-route: ${reasons['no-route']}`,
    '1 × of-tomorrow',
  ]);
});

function namesIn(file: string, pattern: RegExp): string[] {
  const found = readFileSync(join(native, file), 'utf8').matchAll(pattern);
  return [...found].map(([, name = '']) => name);
}
