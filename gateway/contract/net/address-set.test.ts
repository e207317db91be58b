import { excludeCidr, mergeCidr } from 'cidr-tools';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addressSet,
  complement,
  hasAddress,
  intersect,
  isEmpty,
  mergePrefixes,
  minimalPrefixes,
  NO_ADDRESS,
  sameSet,
  subtract,
  union,
} from './address-set.ts';
import {
  anyPrefix,
  anyPrefix4,
  anyPrefix6,
  CROWD,
  crowdedPrefix,
  crowdedPrefix6,
} from './arbitrary.ts';
import { cidr, containsAddress, EVERYTHING, type Prefix, printCidr } from './prefix.ts';

const crowd = fc.array(fc.oneof(crowdedPrefix, crowdedPrefix6), { maxLength: 12 });
const families = [anyPrefix4, anyPrefix6] as const;

test('set operations agree with trying every address', () => {
  fc.assert(
    fc.property(crowd, crowd, (left, right) => {
      const a = addressSet(left);
      const b = addressSet(right);
      const operations = {
        union: union(a, b),
        subtract: subtract(a, b),
        intersect: intersect(a, b),
        complement: complement(a),
      };

      for (const address of CROWD) {
        const inA = left.some((prefix) => containsAddress(prefix, address));
        const inB = right.some((prefix) => containsAddress(prefix, address));
        expect(hasAddress(operations.union, address)).toBe(inA || inB);
        expect(hasAddress(operations.subtract, address)).toBe(inA && !inB);
        expect(hasAddress(operations.intersect, address)).toBe(inA && inB);
        expect(hasAddress(operations.complement, address)).toBe(!inA);
      }
    }),
  );
});

test('merging gives the CIDRs that cidr-tools gives', () => {
  fc.assert(
    fc.property(fc.array(anyPrefix, { maxLength: 30 }), (prefixes) => {
      const ours = mergePrefixes(prefixes).map(printCidr);

      expect(ours.toSorted()).toEqual(mergeCidr(prefixes.map(printCidr)).toSorted());
    }),
  );
});

test('subtracting gives the CIDRs that cidr-tools gives', () => {
  for (const prefix of families) {
    fc.assert(
      fc.property(
        fc.array(prefix, { maxLength: 10 }),
        fc.array(prefix, { maxLength: 10 }),
        (from, what) => {
          const ours = minimalPrefixes(subtract(addressSet(from), addressSet(what))).map(printCidr);

          expect(ours.toSorted()).toEqual(
            excludeCidr(from.map(printCidr), what.map(printCidr)).toSorted(),
          );
        },
      ),
    );
  }
});

test('the complement of the complement is the set itself', () => {
  fc.assert(
    fc.property(fc.array(anyPrefix, { maxLength: 20 }), (prefixes) => {
      const set = addressSet(prefixes);

      expect(complement(complement(set))).toEqual(set);
    }),
  );
});

test('the prefixes of a set are as few as can be', () => {
  fc.assert(
    fc.property(crowd, (prefixes) => {
      const merged = mergePrefixes(prefixes);

      expect(merged.some((prefix) => merged.some((other) => siblings(prefix, other)))).toBe(false);
    }),
  );
});

test('everything and nothing are each other’s complement', () => {
  expect(minimalPrefixes(complement(NO_ADDRESS))).toEqual(EVERYTHING);
  expect(isEmpty(complement(addressSet(EVERYTHING)))).toBe(true);
});

test('two sets are the same whatever prefixes they were made of', () => {
  const halves = addressSet([cidr('10.0.0.0/9'), cidr('10.128.0.0/9')]);

  expect(sameSet(halves, addressSet([cidr('10.0.0.0/8')]))).toBe(true);
  expect(sameSet(halves, addressSet([cidr('10.0.0.0/9')]))).toBe(false);
});

test('the complement of 10,000 scattered prefixes is exact and takes no more than a moment', () => {
  const random = scatter(10_000);

  const rest = minimalPrefixes(complement(addressSet(random)));

  expect(mergePrefixes([...random, ...rest])).toEqual([...EVERYTHING]);
  expect(isEmpty(intersect(addressSet(random), addressSet(rest)))).toBe(true);
}, 5_000);

function siblings(left: Prefix, right: Prefix): boolean {
  if (left === right || left.family !== right.family || left.length !== right.length) return false;
  const parent = left.length - 1;
  return minimalPrefixes(addressSet([left, right]))[0]?.length === parent;
}

/** A fixed pseudo-random list (a linear congruential generator), lengths 12 to 32. */
function scatter(count: number): Prefix[] {
  let state = 42;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  return Array.from({ length: count }, () => {
    const length = 12 + (next() % 21);
    return cidr(`${[next(), next(), next(), next()].map((n) => n >>> 24).join('.')}/${length}`);
  });
}
