import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyPrefix, crowdedPrefix, crowdedPrefix6 } from '../../contract/net/arbitrary.ts';
import { comparePrefixes, containsPrefix, printCidr } from '../../contract/net/prefix.ts';
import { SortedPrefixes } from './sorted-prefixes.ts';

test('what is found inside a prefix is what looking at each of them finds', () => {
  const prefix = fc.oneof(crowdedPrefix, crowdedPrefix6, anyPrefix);
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 30 }), prefix, (all, outer) => {
      const found = new SortedPrefixes(all.map((one) => ({ prefix: one }))).within(outer);

      const inside = all.filter((one) => containsPrefix(outer, one)).sort(comparePrefixes);
      expect(found.map((one) => printCidr(one.prefix))).toEqual(inside.map(printCidr));
    }),
    { numRuns: 1000 },
  );
});
