import { expect, test } from 'vitest';
import { withPlainText } from './plain-text.ts';

test('what could rearrange or hide a text goes, at any depth', () => {
  const given = { name: 'pay\u202etxt.exe', list: ['a\u200bb', 'c\nd'], count: 1, none: null };
  expect(withPlainText(given)).toEqual({
    name: 'pay txt.exe',
    list: ['a b', 'c d'],
    count: 1,
    none: null,
  });
});

test('languages of any direction stay as they are', () => {
  for (const text of ['東京 VPC', 'שלום', 'مرحبا', 'Zoë 🏔']) expect(withPlainText(text)).toBe(text);
});

test('a text without end is cut', () => {
  expect(withPlainText('x'.repeat(100_000))).toHaveLength(2000);
});
