import fc from 'fast-check';
import { expect, test } from 'vitest';
import { address } from './address.ts';
import { anyAddress, anyPrefix, CROWD, crowdedPrefix, crowdedPrefix6 } from './arbitrary.ts';
import { cidr, containsAddress, type Prefix, printCidr } from './prefix.ts';
import { PrefixTable } from './prefix-table.ts';

test('the match is the longest of the entries that contain the address', () => {
  const prefixes = fc.array(fc.oneof(anyPrefix, crowdedPrefix, crowdedPrefix6), { maxLength: 40 });
  fc.assert(
    fc.property(prefixes, fc.array(anyAddress, { maxLength: 20 }), (entries, others) => {
      const table = tableOf(entries);

      for (const one of [...CROWD, ...others]) {
        const longest = entries
          .filter((prefix) => containsAddress(prefix, one))
          .reduce<Prefix | undefined>(
            (best, prefix) => (best && best.length >= prefix.length ? best : prefix),
            undefined,
          );
        expect(table.match(one)?.prefix).toEqual(longest);
      }
    }),
    { numRuns: 50 },
  );
});

test('a later entry with the same prefix takes the earlier one’s place', () => {
  const table = new PrefixTable<string>();
  table.set(cidr('10.0.0.0/8'), 'first');
  table.set(cidr('10.9.9.9/8'), 'second');

  expect(table.size).toBe(1);
  expect(table.get(cidr('10.0.0.0/8'))).toBe('second');
});

test('what covers a prefix can be asked with and without the prefix itself', () => {
  const table = tableOf(['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24'].map(cidr));

  expect(table.covering(cidr('10.1.0.0/16'))?.value).toBe('10.1.0.0/16');
  expect(table.covering(cidr('10.1.0.0/16'), true)?.value).toBe('10.0.0.0/8');
  expect(table.covering(cidr('11.0.0.0/8'))).toBeUndefined();
});

test('an empty table matches nothing', () => {
  expect(new PrefixTable().match(address('10.0.0.1'))).toBeUndefined();
});

function tableOf(prefixes: readonly Prefix[]): PrefixTable<string> {
  const table = new PrefixTable<string>();
  for (const prefix of prefixes) table.set(prefix, printCidr(prefix));
  return table;
}
