import { expect, test } from 'vitest';
import { type Said, sentenceOf } from '../../contract/said.ts';
import type { SplitTunnel } from '../../contract/snapshot.ts';
import { canonicalSplit, refuseSplit } from './split-lists.ts';
import { previewSplit } from './split-preview.ts';
import { network } from './test-state.ts';

const TOKYO = network('tokyo-vpc', ['192.168.0.0/24']);
const EMPTY: SplitTunnel = { defaultPath: 'direct', include: [], exclude: [] };

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

function previewTo(over: Partial<SplitTunnel>) {
  const work = previewSplit({
    before: EMPTY,
    after: { ...EMPTY, ...over },
    networks: [TOKYO],
    deviceCount: 3,
  });
  let step = work.next();
  while (!step.done) step = work.next();
  return step.value;
}

function text(says: Said | null | undefined): string {
  return says ? sentenceOf(says) : '';
}
