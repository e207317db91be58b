import fc from 'fast-check';
import { expect, test } from 'vitest';
import { address } from './address.ts';
import { anyAddress, anyPrefix } from './arbitrary.ts';
import {
  cidr,
  comparePrefixes,
  containsAddress,
  containsPrefix,
  firstAddress,
  hostPrefix,
  lastAddress,
  parseCidr,
  prefixesOverlap,
  printCidr,
  samePrefix,
} from './prefix.ts';

test.each([
  '10.1/16',
  '10.0.0.0/33',
  '256.1.1.1/8',
  '10.0.0.0/08',
  '10.0.0.0',
  '::/129',
  'fe80::%1/64',
  '',
])('%j is not a CIDR', (text) => {
  expect(parseCidr(text)).toBeUndefined();
});

test.each([
  ['10.0.0.1/8', '10.0.0.0/8'],
  ['192.168.0.255/25', '192.168.0.128/25'],
  ['255.255.255.255/0', '0.0.0.0/0'],
  ['FD00::1/8', 'fd00::/8'],
  ['2001:db8::1/128', '2001:db8::1/128'],
])('%s is the prefix %s', (text, canonical) => {
  expect(printCidr(cidr(text))).toBe(canonical);
});

test('what is printed is read back as the same prefix', () => {
  fc.assert(fc.property(anyPrefix, (prefix) => samePrefix(cidr(printCidr(prefix)), prefix)));
});

test('a prefix covers exactly the addresses between its ends', () => {
  fc.assert(
    fc.property(anyPrefix, anyAddress, (prefix, one) => {
      const first = firstAddress(prefix);
      const last = lastAddress(prefix);
      const between =
        one.family === prefix.family && one.value >= first.value && one.value <= last.value;

      expect(containsAddress(prefix, one)).toBe(between);
      expect(containsAddress(prefix, first) && containsAddress(prefix, last)).toBe(true);
    }),
  );
});

test('families never overlap, and a prefix contains what is inside it and itself', () => {
  expect(prefixesOverlap(cidr('0.0.0.0/0'), cidr('::/0'))).toBe(false);
  expect(containsPrefix(cidr('10.0.0.0/8'), cidr('10.2.0.0/16'))).toBe(true);
  expect(containsPrefix(cidr('10.2.0.0/16'), cidr('10.0.0.0/8'))).toBe(false);
  expect(containsPrefix(cidr('10.0.0.0/8'), cidr('10.0.0.0/8'))).toBe(true);
  expect(prefixesOverlap(cidr('10.2.0.0/16'), cidr('10.0.0.0/8'))).toBe(true);
});

test('prefixes are sorted by family, then address, then length', () => {
  const sorted = ['::/0', '10.0.0.0/8', '9.0.0.0/8', '10.0.0.0/16']
    .map(cidr)
    .toSorted(comparePrefixes)
    .map(printCidr);

  expect(sorted).toEqual(['9.0.0.0/8', '10.0.0.0/8', '10.0.0.0/16', '::/0']);
});

test('one host is a prefix of full length', () => {
  expect(printCidr(hostPrefix(address('192.168.0.10')))).toBe('192.168.0.10/32');
  expect(printCidr(hostPrefix(address('fd00::1')))).toBe('fd00::1/128');
});
