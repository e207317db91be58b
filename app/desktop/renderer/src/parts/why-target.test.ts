import { expect, test } from 'vitest';
import { readTarget } from './why-target.ts';

test('hosts and ports are told apart', () => {
  expect(readTarget(' 192.168.0.10 ')).toEqual({ destination: '192.168.0.10' });
  expect(readTarget('wiki.internal:443')).toEqual({ destination: 'wiki.internal', port: 443 });
  expect(readTarget('fd00::1')).toEqual({ destination: 'fd00::1' });
  expect(readTarget('[fd00::1]:22')).toEqual({ destination: 'fd00::1', port: 22 });
  expect(readTarget('')).toBeUndefined();
  expect(readTarget('two words')).toBeUndefined();
});
