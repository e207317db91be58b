/** fast-check generators for addresses and prefixes; only tests import this. */
import fc from 'fast-check';
import type { Address } from './address.ts';
import { type Prefix, prefixAround } from './prefix.ts';

const LAST_V6 = (1n << 128n) - 1n;

export const anyAddress4: fc.Arbitrary<Address> = fc
  .integer({ min: 0, max: 0xffff_ffff })
  .map((value) => ({ family: 4, value }));

export const anyAddress6: fc.Arbitrary<Address> = fc
  .bigInt({ min: 0n, max: LAST_V6 })
  .map((value) => ({ family: 6, value }));

export const anyAddress = fc.oneof(anyAddress4, anyAddress6);

export const anyPrefix4: fc.Arbitrary<Prefix> = fc
  .tuple(anyAddress4, fc.integer({ min: 0, max: 32 }))
  .map(([address, length]) => prefixAround(address, length));

export const anyPrefix6: fc.Arbitrary<Prefix> = fc
  .tuple(anyAddress6, fc.integer({ min: 0, max: 128 }))
  .map(([address, length]) => prefixAround(address, length));

export const anyPrefix = fc.oneof(anyPrefix4, anyPrefix6);

/** Within one /24, so that prefixes touch, nest and repeat, and every address can be tried. */
export const crowdedPrefix: fc.Arbitrary<Prefix> = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 24, max: 32 }))
  .map(([low, length]) => prefixAround({ family: 4, value: 0x0a00_0000 + low }, length));

/** The same at the low end of fd00::/120. */
export const crowdedPrefix6: fc.Arbitrary<Prefix> = fc
  .tuple(fc.bigInt({ min: 0n, max: 255n }), fc.integer({ min: 120, max: 128 }))
  .map(([low, length]) => prefixAround({ family: 6, value: (0xfdn << 120n) + low }, length));

/** Every address that `crowdedPrefix` and `crowdedPrefix6` can cover. */
export const CROWD: readonly Address[] = Array.from({ length: 256 }, (_, low): Address[] => [
  { family: 4, value: 0x0a00_0000 + low },
  { family: 6, value: (0xfdn << 120n) + BigInt(low) },
]).flat();
