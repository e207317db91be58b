import { expect, test } from 'vitest';
import { readWakings } from './wakings.ts';

test('what was counted is read, and what was not counted is no number', () => {
  expect(readWakings('12018,,sched:sched_waking,501714911,100.00,,\n')).toBe(12_018);
  expect(readWakings('<not counted>,,sched:sched_waking,0,100.00,,\n')).toBeNaN();
});
