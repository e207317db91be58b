import { expect, test } from 'vitest';
import { median, quantile } from './statistics.ts';

test('the median is in the middle, whatever the order', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([10, 9, 100, 1])).toBe(9.5);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});

test('a quantile of sorted values is one of them', () => {
  const values = Array.from({ length: 100 }, (_, index) => index);
  expect(quantile(values, 0.99)).toBe(99);
  expect(quantile(values, 0.5)).toBe(50);
  expect(quantile([5], 0.99)).toBe(5);
  expect(quantile([], 0.5)).toBeNaN();
});
