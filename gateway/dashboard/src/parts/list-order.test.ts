import { expect, test } from 'vitest';
import { filtered, haystacks, ordered } from './list-order.ts';

interface Row {
  name: string;
  count: number;
}
const columns = [
  { key: 'name', text: (row: Row) => row.name },
  { key: 'count', text: (row: Row) => row.count },
];
const rows = [row('laptop-10', 2), row('laptop-9', 30), row('Printer', 4)];

test('each word of a filter has to occur, in any column, in any case', () => {
  const find = (filter: string) => filtered(rows, haystacks(rows, columns), filter);

  expect(find('LAPTOP 30')).toEqual([row('laptop-9', 30)]);
  expect(find('  ')).toEqual(rows);
  expect(find('laptop printer')).toEqual([]);
});

test('a word does not match across two columns', () => {
  expect(filtered(rows, haystacks(rows, columns), '102')).toEqual([]);
});

test('names are ordered as people count, numbers as numbers, both ways', () => {
  const names = (sort: string) => ordered(rows, columns, sort).map(({ name }) => name);

  expect(names('name')).toEqual(['laptop-9', 'laptop-10', 'Printer']);
  expect(names('-count')).toEqual(['laptop-9', 'Printer', 'laptop-10']);
  expect(names('nothing')).toEqual(rows.map(({ name }) => name));
});

function row(name: string, count: number): Row {
  return { name, count };
}
