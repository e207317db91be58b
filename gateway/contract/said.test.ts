import { expect, test } from 'vitest';
import { said, sentenceOf, several } from './said.ts';
import { en } from './sentences/en.ts';
import { ja } from './sentences/ja.ts';

const codes = Object.keys(en) as (keyof typeof en)[];

test.each(codes)(
  '“%s” has the same blanks in both languages, and is not left in English',
  (code) => {
    expect(blanksOf(ja[code])).toEqual(blanksOf(en[code]));
    expect(ja[code]).toMatch(/[぀-ヿ一-鿿]/);
  },
);

test('there is no sentence in Japanese that English does not have', () => {
  expect(Object.keys(ja).sort()).toEqual([...codes].sort());
});

test('blanks are filled, and a long list names three and counts the rest', () => {
  const some = said('connector-reaches-not', { ranges: several(['a', 'b']) });
  const many = said('connector-reaches-not', { ranges: several(['a', 'b', 'c', 'd', 'e']) });

  expect(sentenceOf(some)).toBe('It does not reach a, b.');
  expect(sentenceOf(many)).toBe('It does not reach a, b, c and 2 more.');
  expect(sentenceOf(many, 'ja')).toBe('a、b、c ほか 2 件に到達できません。');
});

test('what fills a blank is not read as a blank itself', () => {
  const tricky = said('range-unknown', { range: '{network}', network: 'tokyo' });

  expect(sentenceOf(tricky)).toBe('{network} is no range of tokyo.');
});

function blanksOf(sentence: string): string[] {
  return (sentence.match(/\{\w+\}/g) ?? []).sort();
}
