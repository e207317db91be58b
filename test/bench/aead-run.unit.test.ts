import { expect, test } from 'vitest';
import { readAead, whyNoAead } from './aead-run.ts';

const printed = `best here: Avx512; medians of 201 interleaved rounds, ns per packet (× ring)

                                    ring             one            pair              16              44
seal 1420 B                   800 (1.00)      590 (1.36)      500 (1.60)      400 (2.00)      410 (1.95)
open 1420 B                  1000 (1.00)      600 (1.67)      520 (1.92)      500 (2.00)      510 (1.96)
`;

test('nanoseconds a packet become packets a second, of ring and of ours sixteen together', () => {
  expect(readAead(printed, 1420)).toEqual({
    sealRing: 1_250_000,
    sealOurs: 2_500_000,
    openRing: 1_000_000,
    openOurs: 2_000_000,
  });
});

test('a processor without AVX-512 IFMA has nothing to compare, and that is said', () => {
  expect(readAead(printed.replace('Avx512;', 'Ring;'), 1420)).toEqual({});
  expect(whyNoAead('flags\t\t: fpu avx2 avx512f\n')).toContain('lacks');
  expect(whyNoAead('flags\t\t: fpu avx512f avx512ifma avx512_vbmi2\n')).toBeUndefined();
});
