import { expect, test } from 'vitest';
import { cidr } from './net/prefix.ts';
import { refusePrefix } from './range-rule.ts';

test.each([
  '127.0.0.1/32',
  '169.254.7.7/32',
  '169.254.0.0/17',
  '224.0.0.5/32',
  '255.255.255.255/32',
  'fe80::1/128',
  '::1/128',
  '::ffff:10.0.0.1/128',
])('%s means no machine of a network', (range) => {
  expect(refusePrefix(cidr(range))?.code).toBe('range-never-private');
});

test.each([
  ['168.0.0.0/7', '169.254.0.0/16'],
  ['128.0.0.0/1', '169.254.0.0/16'],
  ['126.0.0.0/7', '127.0.0.0/8'],
  ['::/8', '::/128'],
])('%s holds %s, which no network has', (range, never) => {
  expect(refusePrefix(cidr(range))).toMatchObject({ code: 'range-holds-never', detail: { never } });
});

test.each(['10.0.0.0/8', '192.168.0.0/16', '100.64.0.0/10', 'fd00::/8', '2000::/3', '0.0.0.0/0'])(
  '%s can be a network’s',
  (range) => {
    expect(refusePrefix(cidr(range))).toBeUndefined();
  },
);

test('a cloud’s metadata address may be named, alone', () => {
  expect(refusePrefix(cidr('169.254.169.254/32'))).toBeUndefined();
  expect(refusePrefix(cidr('169.254.169.254/31'))?.code).toBe('range-never-private');
});
