import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { address, printAddress } from '../net/address.ts';
import { anyAddress, anyPrefix, CROWD, crowdedPrefix, crowdedPrefix6 } from '../net/arbitrary.ts';
import { cidr, containsAddress, type Prefix, printCidr } from '../net/prefix.ts';
import type { SplitEntry } from '../snapshot.ts';
import { decide, networksAt } from './decide.ts';
import { type Path, type Pin, type SplitPolicy, splitPolicy, withPins } from './policy.ts';

const someEntries = fc.array(fc.oneof(crowdedPrefix, crowdedPrefix6, anyPrefix), { maxLength: 12 });
const somePins = fc.array(
  fc.record({
    address: fc.constantFrom(...CROWD),
    list: fc.constantFrom('include' as const, 'exclude' as const),
  }),
  { maxLength: 8 },
);
const source = fc.record({
  defaultPath: fc.constantFrom('tunnel' as const, 'direct' as const),
  include: someEntries,
  exclude: someEntries,
  ranges: someEntries,
  pins: somePins,
});
type Source = typeof source extends fc.Arbitrary<infer S> ? S : never;

test('decide agrees with reading the lists one by one', () => {
  fc.assert(
    fc.property(source, fc.array(anyAddress, { maxLength: 10 }), (lists, others) => {
      const policy = prepared(lists);

      for (const one of [...CROWD, ...others]) {
        expect(decide(one, policy).path, printAddress(one)).toBe(bruteForce(lists, one));
      }
    }),
    { numRuns: 200 },
  );
});

describe('the most specific entry wins, whichever list it is in', () => {
  const policy = simple({
    include: ['10.0.0.0/8', '10.1.2.0/24'],
    exclude: ['10.1.0.0/16', '10.1.2.3/32'],
  });

  test.each([
    ['10.9.9.9', 'tunnel', '10.0.0.0/8'],
    ['10.1.9.9', 'direct', '10.1.0.0/16'],
    ['10.1.2.9', 'tunnel', '10.1.2.0/24'],
    ['10.1.2.3', 'direct', '10.1.2.3/32'],
  ] as const)('%s goes %s because of %s', (destination, path, entry) => {
    const decision = decide(address(destination), policy);

    expect(decision.path).toBe(path);
    expect(decision.because).toMatchObject({ kind: 'list', entry });
  });
});

test('at equal length exclude wins', () => {
  const policy = simple({ include: ['10.0.0.0/8'], exclude: ['10.0.0.0/8'] });

  expect(decide(address('10.1.1.1'), policy)).toMatchObject({
    path: 'direct',
    because: { kind: 'list', list: 'exclude', entry: '10.0.0.0/8' },
  });
});

test('a network’s range goes into the tunnel by itself, even below a wider exclude entry', () => {
  const policy = simple({ exclude: ['192.168.0.0/16'], ranges: ['192.168.0.0/24'] });

  expect(decide(address('192.168.0.10'), policy)).toEqual({
    path: 'tunnel',
    because: {
      kind: 'network',
      networks: [{ id: 'n1', name: 'tokyo-vpc' }],
      prefix: cidr('192.168.0.0/24'),
    },
  });
  expect(decide(address('192.168.7.1'), policy).path).toBe('direct');
});

test('what no entry covers takes the default path', () => {
  expect(decide(address('1.1.1.1'), simple({}))).toEqual({
    path: 'direct',
    because: { kind: 'default' },
  });
  expect(decide(address('1.1.1.1'), simple({ defaultPath: 'tunnel' })).path).toBe('tunnel');
});

test('an IPv4 destination dressed as IPv6 is decided as IPv4', () => {
  const policy = simple({ include: ['10.0.0.0/8'] });

  expect(decide(address('::ffff:10.0.0.5'), policy).path).toBe('tunnel');
});

test('a domain’s address goes where the domain entry says', () => {
  const policy = withPins(simple({ include: ['203.0.113.0/24'] }), [
    pin('203.0.113.7', 'exclude', '*.example.com'),
    pin('198.51.100.7', 'include', 'git.example.com'),
  ]);

  expect(decide(address('203.0.113.7'), policy)).toMatchObject({
    path: 'direct',
    because: { kind: 'domain', list: 'exclude', domain: '*.example.com' },
  });
  expect(decide(address('198.51.100.7'), policy).path).toBe('tunnel');
});

test('no domain entry moves an address out of a network’s range', () => {
  const policy = withPins(simple({ ranges: ['10.20.0.0/16'] }), [
    pin('10.20.0.5', 'exclude', 'evil.example'),
  ]);

  expect(decide(address('10.20.0.5'), policy)).toMatchObject({
    path: 'tunnel',
    because: { kind: 'network' },
  });
});

test('the networks at an address are named even where an exclude entry hides them', () => {
  const policy = simple({ exclude: ['10.0.0.0/16'], ranges: ['10.0.0.0/16'] });

  expect(decide(address('10.0.0.1'), policy).path).toBe('direct');
  expect(networksAt(address('10.0.0.1'), policy)).toEqual([{ id: 'n1', name: 'tokyo-vpc' }]);
});

test('two networks with the same range are both named', () => {
  const policy = splitPolicy({
    splitTunnel: { defaultPath: 'direct', include: [], exclude: [] },
    networks: [
      { id: 'a', name: 'tokyo', ranges: ['10.0.0.0/24'] },
      { id: 'b', name: 'oslo', ranges: ['10.0.0.9/24'] },
    ],
  });

  expect(networksAt(address('10.0.0.1'), policy).map(({ name }) => name)).toEqual([
    'tokyo',
    'oslo',
  ]);
});

/** The rules of the documentation, spelled out without any index. */
function bruteForce(lists: Source, one: ReturnType<typeof address>): Path {
  const covers = (prefix: Prefix) => containsAddress(prefix, one);
  const inRange = lists.ranges.some(covers);
  const pins = lists.pins.filter(
    (pinned) =>
      printAddress(pinned.address) === printAddress(one) && !(pinned.list === 'exclude' && inRange),
  );
  const candidates = [
    ...[...lists.include, ...lists.ranges]
      .filter(covers)
      .map(({ length }) => ({ length, exclude: false })),
    ...lists.exclude.filter(covers).map(({ length }) => ({ length, exclude: true })),
    ...pins.map(({ list }) => ({
      length: one.family === 4 ? 32 : 128,
      exclude: list === 'exclude',
    })),
  ].sort(
    (left, right) => right.length - left.length || Number(right.exclude) - Number(left.exclude),
  );
  const best = candidates[0];
  return best ? (best.exclude ? 'direct' : 'tunnel') : lists.defaultPath;
}

function prepared(lists: Source): SplitPolicy {
  return splitPolicy({
    splitTunnel: {
      defaultPath: lists.defaultPath,
      include: lists.include.map(asEntry),
      exclude: lists.exclude.map(asEntry),
    },
    networks: [{ id: 'n1', name: 'tokyo-vpc', ranges: lists.ranges.map(printCidr) }],
    pins: lists.pins.map((pinned) => ({ ...pinned, name: 'a.example', domain: '*.example' })),
  });
}

function asEntry(prefix: Prefix): SplitEntry {
  return { cidr: printCidr(prefix) };
}

function simple(parts: {
  defaultPath?: Path;
  include?: string[];
  exclude?: string[];
  ranges?: string[];
}): SplitPolicy {
  return splitPolicy({
    splitTunnel: {
      defaultPath: parts.defaultPath ?? 'direct',
      include: (parts.include ?? []).map((text) => ({ cidr: text })),
      exclude: (parts.exclude ?? []).map((text) => ({ cidr: text })),
    },
    networks: [{ id: 'n1', name: 'tokyo-vpc', ranges: parts.ranges ?? [] }],
  });
}

function pin(text: string, list: Pin['list'], domain: string): Pin {
  return { address: address(text), name: 'host.example.com', list, domain };
}
