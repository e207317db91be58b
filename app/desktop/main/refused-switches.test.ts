import { expect, test } from 'vitest';
import { refusedSwitch } from './refused-switches.ts';

test('an installed app refuses what would open or unguard it, a checkout does not', () => {
  const given = (name: string) => name === 'remote-debugging-port';
  expect(refusedSwitch(true, given)).toBe('remote-debugging-port');
  expect(refusedSwitch(true, () => false)).toBeUndefined();
  expect(refusedSwitch(false, given)).toBeUndefined();
});
