import { expect, test } from 'vitest';
import { cidr } from '../../contract/net/prefix.ts';
import { type Said, sentenceOf } from '../../contract/said.ts';
import type { SplitTunnel } from '../../contract/snapshot.ts';
import { hiddenProblem, rangeProblem, refuseRange } from './range-problems.ts';
import { canonicalSplit, refuseSplit } from './split-lists.ts';
import { previewSplit } from './split-preview.ts';
import { network } from './test-state.ts';

const TOKYO = network('tokyo-vpc', ['192.168.0.0/24']);
const EMPTY: SplitTunnel = { defaultPath: 'direct', include: [], exclude: [] };
const OVERLAY = ['100.96.0.0/16'];

test('an exclude entry that is a whole range says what stops and offers to take it out', () => {
  const preview = previewTo({ exclude: [{ cidr: '192.168.0.0/24' }] });

  expect(preview).toEqual({
    deviceCount: 3,
    effects: [{ code: 'range-leaves', detail: { range: '192.168.0.0/24', network: 'tokyo-vpc' } }],
    warnings: [
      {
        says: {
          code: 'exclude-hides',
          detail: { entry: '192.168.0.0/24', range: '192.168.0.0/24', network: 'tokyo-vpc' },
        },
        fix: {
          label: { code: 'fix-remove', detail: { entry: '192.168.0.0/24' } },
          list: 'exclude',
          entries: ['192.168.0.0/24'],
        },
      },
    ],
    refusal: null,
  });
});

test('an exclude entry wider than the range changes nothing, for the range is more specific', () => {
  const preview = previewTo({ exclude: [{ cidr: '192.168.0.0/16' }] });

  expect(preview.effects.map((one) => sentenceOf(one))).toEqual([
    'Nothing changes: every destination goes where it went before.',
  ]);
  expect(preview.warnings).toEqual([]);
});

test('one excluded host is a part of its range', () => {
  const preview = previewTo({ exclude: [{ cidr: '192.168.0.20/32' }] });

  expect(preview.effects.map((one) => sentenceOf(one))).toEqual([
    '192.168.0.20/32, a part of 192.168.0.0/24, stops going through tokyo-vpc.',
  ]);
});

test('an include entry in no network is told to end at the gateway', () => {
  const preview = previewTo({ include: [{ cidr: '203.0.113.0/24' }] });

  expect(preview.effects.map((one) => sentenceOf(one))).toEqual([
    '203.0.113.0/24 goes into the tunnel.',
  ]);
  expect(preview.warnings[0]?.fix).toMatchObject({ list: 'include', entries: ['203.0.113.0/24'] });
});

test('thousands of entries that end nowhere, or hide something, are a handful of warnings', () => {
  const hosts = (prefix: string) =>
    Array.from({ length: 200 }, (_, at) => ({ cidr: `${prefix}.${at}/32` }));

  const preview = previewTo({ include: hosts('10.9.9'), exclude: hosts('192.168.0') });

  expect(preview.warnings.length).toBeLessThan(6);
  const [all, dead] = [preview.warnings.at(-2), preview.warnings.at(-1)];
  expect(dead?.fix).toMatchObject({ list: 'include', label: { detail: { count: 200 } } });
  expect(dead?.fix.entries).toHaveLength(200);
  expect(all?.fix).toMatchObject({ list: 'exclude', label: { detail: { count: 200 } } });
  expect(all?.fix.entries).toHaveLength(200);
});

test('domains are told by name', () => {
  const preview = previewTo({ include: [{ domain: '*.example.com' }] });

  expect(preview.effects.map((one) => sentenceOf(one))).toEqual([
    'Addresses of *.example.com go into the tunnel.',
  ]);
});

test('default tunnel is refused with the reason', () => {
  expect(text(previewTo({ defaultPath: 'tunnel' }).refusal)).toContain('has to stay “direct”');
});

test.each(['*', 'a b.com', '-a.com', '10.0.0.1', 'a..b', '*.*.com', `${'a'.repeat(64)}.com`])(
  '“%s” is refused as a domain',
  (domain) => {
    expect(text(refuseSplit({ ...EMPTY, exclude: [{ domain }] }))).toContain('is no domain');
  },
);

test('entries are kept in one spelling', () => {
  const split = canonicalSplit({
    ...EMPTY,
    include: [{ cidr: '10.1.2.3/8', note: 'n' }, { domain: 'Example.COM.' }],
  });

  expect(split.include).toEqual([{ cidr: '10.0.0.0/8', note: 'n' }, { domain: 'example.com' }]);
});

test.each([
  ['192.168.0.7/24', '192.168.0.0/24 is already a range of tokyo-vpc.'],
  ['100.96.3.0/24', '100.96.3.0/24 lies in 100.96.0.0/16'],
  ['127.0.0.0/8', 'not the address of a private network'],
  ['224.0.0.0/8', 'not the address of a private network'],
])('the range %s is refused', (range, sentence) => {
  expect(text(refuseRange(cidr(range), TOKYO, OVERLAY))).toContain(sentence);
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

  expect(text(hiddenProblem('192.168.0.0/24', TOKYO, [profile('192.168.0.0/24')]))).toBe(
    'The exclude list of the profile Default keeps it out of the tunnel: devices do not reach it.',
  );
  expect(text(hiddenProblem('192.168.0.0/24', TOKYO, [profile('192.168.0.16/28')]))).toContain(
    'keeps 192.168.0.16/28 of it out',
  );
  expect(hiddenProblem('192.168.0.0/24', TOKYO, [profile('192.168.0.0/16')])).toBeNull();
});

test('equal and overlapping ranges of two networks are problems with both names', () => {
  const osaka = network('osaka', ['192.168.0.0/24', '192.168.0.16/28']);

  expect(text(rangeProblem('192.168.0.0/24', TOKYO, [TOKYO, osaka], OVERLAY))).toBe(
    '192.168.0.0/24 is also a range of osaka. A device reaches only one of the two.',
  );
  expect(text(rangeProblem('192.168.0.16/28', osaka, [TOKYO, osaka], OVERLAY))).toBe(
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

function text(says: Said | null | undefined): string {
  return says ? sentenceOf(says) : '';
}
