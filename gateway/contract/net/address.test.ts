import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { expect, test } from 'vitest';
import { address, parseAddress, printAddress, sameAddress, unmapped } from './address.ts';
import { anyAddress, anyAddress6 } from './arbitrary.ts';

test.each([
  '1.2.3',
  '01.2.3.4',
  '0x7f.0.0.1',
  '256.1.1.1',
  '1.2.3.4/8',
  ' 1.2.3.4',
  '1.2.3.4\n',
  '1::2::3',
  '12345::',
  'fe80::1%eth0',
  '1:2:3:4:5:6:7:1.2.3.4',
  '::ffff:1.2.3.400',
  '',
  'localhost',
])('%j is not an address', (text) => {
  expect(parseAddress(text)).toBeUndefined();
});

test.each([
  ['1.2.3.4', '1.2.3.4'],
  ['ABCD::0001', 'abcd::1'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['1:0:0:4:0:0:7:8', '1::4:0:0:7:8'],
  ['1:0:0:4:0:0:0:8', '1:0:0:4::8'],
  ['::', '::'],
  ['1::', '1::'],
  ['::ffff:102:304', '::ffff:1.2.3.4'],
  ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
])('%s is printed as %s', (text, canonical) => {
  expect(printAddress(address(text))).toBe(canonical);
});

test('what is printed is read back as the same address', () => {
  fc.assert(
    fc.property(anyAddress, (one) => sameAddress(address(printAddress(one)), one)),
    { numRuns: 1000 },
  );
});

test('IPv6 is printed as ipaddr.js prints it', () => {
  fc.assert(
    fc.property(anyAddress6, (one) => {
      const text = printAddress(one);

      expect(ipaddr.IPv6.parse(text).toRFC5952String()).toBe(text);
    }),
    { numRuns: 1000 },
  );
});

test('an IPv4 address dressed as IPv6 is decided as IPv4', () => {
  expect(unmapped(address('::ffff:10.0.0.5'))).toEqual(address('10.0.0.5'));
  expect(unmapped(address('::10.0.0.5'))).toEqual(address('::a00:5'));
});
