import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decide } from '../../contract/decide/decide.ts';
import { splitPolicy } from '../../contract/decide/policy.ts';
import { parseAddress, printAddress } from '../../contract/net/address.ts';
import { hasAddress } from '../../contract/net/address-set.ts';
import { cidr } from '../../contract/net/prefix.ts';
import type { SplitTunnel } from '../../contract/snapshot.ts';
import { hiddenProblem, rangeProblem, refuseRange } from './range-problems.ts';
import { canonicalSplit, previewSplit, refuseSplit, TUNNEL_REFUSAL } from './split-preview.ts';
import { network } from './test-state.ts';
import { tunnelSet } from './tunnel-set.ts';

const TOKYO = network('tokyo-vpc', ['192.168.0.0/24']);
const EMPTY: SplitTunnel = { defaultPath: 'direct', include: [], exclude: [] };
const OVERLAY = ['100.96.0.0/16'];

test('an exclude entry that is a whole range says what stops and offers to take it out', () => {
  const preview = previewTo({ exclude: [{ cidr: '192.168.0.0/24' }] });

  expect(preview).toEqual({
    deviceCount: 3,
    effects: ['192.168.0.0/24 stops going through tokyo-vpc.'],
    warnings: [
      {
        sentence:
          'The exclude entry 192.168.0.0/24 hides 192.168.0.0/24 of tokyo-vpc: devices do not reach it.',
        fix: EMPTY,
        fixLabel: 'Remove 192.168.0.0/24',
      },
    ],
    refusal: null,
  });
});

test('an exclude entry wider than the range changes nothing, for the range is more specific', () => {
  const preview = previewTo({ exclude: [{ cidr: '192.168.0.0/16' }] });

  expect(preview.effects).toEqual([
    'Nothing changes: every destination goes where it went before.',
  ]);
  expect(preview.warnings).toEqual([]);
});

test('one excluded host is a part of its range', () => {
  const preview = previewTo({ exclude: [{ cidr: '192.168.0.20/32' }] });

  expect(preview.effects).toEqual([
    '192.168.0.20/32, a part of 192.168.0.0/24, stops going through tokyo-vpc.',
  ]);
});

test('an include entry in no network is told to end at the gateway', () => {
  const preview = previewTo({ include: [{ cidr: '203.0.113.0/24' }] });

  expect(preview.effects).toEqual(['203.0.113.0/24 goes into the tunnel.']);
  expect(preview.warnings[0]?.fix).toEqual(EMPTY);
});

test('thousands of entries that end nowhere, or hide something, are a handful of warnings', () => {
  const hosts = (prefix: string) =>
    Array.from({ length: 200 }, (_, at) => ({ cidr: `${prefix}.${at}/32` }));

  const preview = previewTo({ include: hosts('10.9.9'), exclude: hosts('192.168.0') });

  expect(preview.warnings.length).toBeLessThan(6);
  expect(preview.warnings.at(-1)).toMatchObject({
    fixLabel: 'Remove these 200',
    fix: { include: [], exclude: hosts('192.168.0') },
  });
  expect(preview.warnings.at(-2)).toMatchObject({
    fixLabel: 'Remove all 200',
    fix: { include: hosts('10.9.9'), exclude: [] },
  });
});

test('domains are told by name', () => {
  const preview = previewTo({ include: [{ domain: '*.example.com' }] });

  expect(preview.effects).toEqual(['Addresses of *.example.com go into the tunnel.']);
});

test('default tunnel is refused with the reason', () => {
  expect(previewTo({ defaultPath: 'tunnel' }).refusal).toBe(TUNNEL_REFUSAL);
});

test.each(['*', 'a b.com', '-a.com', '10.0.0.1', 'a..b', '*.*.com', `${'a'.repeat(64)}.com`])(
  '“%s” is refused as a domain',
  (domain) => {
    expect(refuseSplit({ ...EMPTY, exclude: [{ domain }] })).toContain('is no domain');
  },
);

test('entries are kept in one spelling', () => {
  const split = canonicalSplit({
    ...EMPTY,
    include: [{ cidr: '10.1.2.3/8', note: 'n' }, { domain: 'Example.COM.' }],
  });

  expect(split.include).toEqual([{ cidr: '10.0.0.0/8', note: 'n' }, { domain: 'example.com' }]);
});

test('the tunnel’s set holds an address exactly when decide sends it there', () => {
  const entry = fc
    .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 22, max: 32 }))
    .map(([last, length]) => ({ cidr: `10.0.0.${last}/${length}` }));
  const lists = fc.record({
    include: fc.array(entry, { maxLength: 5 }),
    exclude: fc.array(entry, { maxLength: 5 }),
    defaultPath: fc.constantFrom('tunnel' as const, 'direct' as const),
  });
  fc.assert(
    fc.property(lists, fc.integer({ min: 0, max: 1023 }), (splitTunnel, host) => {
      const policy = splitPolicy({ splitTunnel, networks: [network('n', ['10.0.0.64/26'])] });
      const address = parseAddress(`10.0.${host >> 8}.${host & 255}`);
      if (!address) throw new Error('no address');
      const isThere = hasAddress(tunnelSet(policy), address);
      expect(isThere, printAddress(address)).toBe(decide(address, policy).path === 'tunnel');
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['192.168.0.7/24', '192.168.0.0/24 is already a range of tokyo-vpc.'],
  ['100.96.3.0/24', '100.96.3.0/24 lies in 100.96.0.0/16'],
  ['127.0.0.0/8', 'not the address of a private network'],
  ['224.0.0.0/8', 'not the address of a private network'],
])('the range %s is refused', (text, sentence) => {
  expect(refuseRange(cidr(text), TOKYO, OVERLAY)).toContain(sentence);
});

test('one metadata address may be named on purpose', () => {
  expect(refuseRange(cidr('169.254.169.254/32'), TOKYO, OVERLAY)).toBeUndefined();
});

test('a range that a profile’s exclude list hides says so, whole or in part', () => {
  const profile = (cidr: string) => ({
    id: 'p',
    name: 'Default',
    isDefault: true,
    splitTunnel: { ...EMPTY, exclude: [{ cidr }] },
  });

  expect(hiddenProblem('192.168.0.0/24', TOKYO, [profile('192.168.0.0/24')])).toBe(
    'The exclude list of the profile Default keeps it out of the tunnel: devices do not reach it.',
  );
  expect(hiddenProblem('192.168.0.0/24', TOKYO, [profile('192.168.0.16/28')])).toContain(
    'keeps 192.168.0.16/28 of it out',
  );
  expect(hiddenProblem('192.168.0.0/24', TOKYO, [profile('192.168.0.0/16')])).toBeNull();
});

test('equal and overlapping ranges of two networks are problems with both names', () => {
  const osaka = network('osaka', ['192.168.0.0/24', '192.168.0.16/28']);

  expect(rangeProblem('192.168.0.0/24', TOKYO, [TOKYO, osaka], OVERLAY)).toBe(
    '192.168.0.0/24 is also a range of osaka. A device reaches only one of the two.',
  );
  expect(rangeProblem('192.168.0.16/28', osaka, [TOKYO, osaka], OVERLAY)).toBe(
    'Overlaps 192.168.0.0/24 of tokyo-vpc: 192.168.0.16/28 goes to osaka.',
  );
  expect(rangeProblem('192.168.0.0/24', TOKYO, [TOKYO], OVERLAY)).toBeNull();
});

function previewTo(over: Partial<SplitTunnel>) {
  return previewSplit({
    before: EMPTY,
    after: { ...EMPTY, ...over },
    networks: [TOKYO],
    deviceCount: 3,
  });
}
