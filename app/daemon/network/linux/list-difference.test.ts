import fc from 'fast-check';
import { expect, test } from 'vitest';
import { listDifference } from './list-difference.ts';

test('what is taken out and put in makes the one list the other, whatever the lists', () => {
  const list = fc.uniqueArray(fc.constantFrom(...'abcdefgh'.split('')), { maxLength: 8 });
  fc.assert(
    fc.property(list, list, (before, after) => {
      const { added, removed } = listDifference(before, after);

      const made = [...before.filter((one) => !removed.includes(one)), ...added];
      expect(made.toSorted()).toEqual(after.toSorted());
      expect(added.filter((one) => before.includes(one))).toEqual([]);
      expect(removed.filter((one) => after.includes(one))).toEqual([]);
    }),
  );
});

test('one entry in the middle is that entry', () => {
  expect(listDifference(['a', 'b', 'd'], ['a', 'b', 'c', 'd'])).toEqual({
    added: ['c'],
    removed: [],
  });
});
