import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseAddress, printAddress } from './address.ts';
import { anyAddress } from './arbitrary.ts';
import { parseCidr } from './prefix.ts';

/** Nearly addresses: most of them are wrong in one place. */
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'0129af:./ xG'.split('')), maxLength: 24 }),
  fc
    .tuple(
      anyAddress.map(printAddress),
      fc.nat(40),
      fc.constantFrom('', '0', ':', '.', '::', 'f', ' '),
    )
    .map(([whole, at, more]) => whole.slice(0, at) + more + whole.slice(at + more.length)),
);

test('an address is one exactly where zod says so', () => {
  const oracle = z.union([z.ipv4(), z.ipv6()]);
  fc.assert(
    fc.property(text, (one) => {
      expect(parseAddress(one) !== undefined).toBe(oracle.safeParse(one).success);
    }),
    { numRuns: 5000 },
  );
});

test('a CIDR is one exactly where zod says so', () => {
  const oracle = z.union([z.cidrv4(), z.cidrv6()]);
  const length = fc.oneof(fc.nat(140).map(String), fc.constantFrom('', '08', '-1', '1e1', ' 8'));
  fc.assert(
    fc.property(text, length, (one, bits) => {
      expect(parseCidr(`${one}/${bits}`) !== undefined).toBe(
        oracle.safeParse(`${one}/${bits}`).success,
      );
    }),
    { numRuns: 5000 },
  );
});
