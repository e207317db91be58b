import { expect, test } from 'vitest';
import { parseDuration } from './duration.ts';

test.each([
  ['15m', 900],
  ['1h30m', 5400],
  ['90s', 90],
  ['5', 300],
  ['24h', 86_400],
])('%s is %d seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each(['', '0', '15x', '-5m', 'm', '1h 30m', '25h', '1e3', '15 m'])(
  '“%s” is refused',
  (text) => {
    expect(() => parseDuration(text)).toThrow('15m or 1h30m');
  },
);
