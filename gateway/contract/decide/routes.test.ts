import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Address, unmapped } from '../net/address.ts';
import { hasAddress } from '../net/address-set.ts';
import { anyAddress, anyPrefix, CROWD, crowdedPrefix, crowdedPrefix6 } from '../net/arbitrary.ts';
import { firstAddress, lastAddress, type Prefix, printCidr } from '../net/prefix.ts';
import { PrefixTable } from '../net/prefix-table.ts';
import { decide } from './decide.ts';
import { type Path, type SplitPolicy, splitPolicy } from './policy.ts';
import { type CompiledRoute, compileRoutes, tunnelled } from './routes.ts';

const prefixes = fc.array(fc.oneof(crowdedPrefix, crowdedPrefix6, anyPrefix), { maxLength: 14 });
const policies = fc
  .record({
    defaultPath: fc.constantFrom('tunnel' as const, 'direct' as const),
    include: prefixes,
    exclude: prefixes,
    ranges: prefixes,
    pins: fc.array(
      fc.record({
        address: fc.oneof(fc.constantFrom(...CROWD), anyAddress),
        list: fc.constantFrom('include' as const, 'exclude' as const),
        name: fc.constant('a.example'),
        domain: fc.constant('*.example'),
      }),
      { maxLength: 8 },
    ),
  })
  .map(({ defaultPath, include, exclude, ranges, pins }) =>
    splitPolicy({
      splitTunnel: { defaultPath, include: include.map(entry), exclude: exclude.map(entry) },
      networks: [{ id: 'n1', name: 'tokyo-vpc', ranges: ranges.map(printCidr) }],
      pins,
    }),
  );

test('longest-prefix match over the routes is what decide says, at every boundary and anywhere', () => {
  fc.assert(
    fc.property(policies, fc.array(anyAddress, { maxLength: 20 }), (policy, others) => {
      const routes = table(compileRoutes(policy));

      for (const one of [...CROWD, ...others, ...boundaries(policy)]) {
        // What is written as IPv4-mapped IPv6 leaves the host as IPv4: the kernel asks the IPv4 routes.
        expect(routes.match(unmapped(one))?.value ?? 'direct').toBe(decide(one, policy).path);
      }
    }),
    { numRuns: 200 },
  );
});

test('the tunnelled set holds exactly the addresses that decide sends into the tunnel', () => {
  fc.assert(
    fc.property(policies, fc.array(anyAddress, { maxLength: 20 }), (policy, others) => {
      const set = tunnelled(compileRoutes(policy));

      for (const one of [...CROWD, ...others, ...boundaries(policy)]) {
        expect(hasAddress(set, unmapped(one))).toBe(decide(one, policy).path === 'tunnel');
      }
    }),
    { numRuns: 200 },
  );
});

test('none of the routes could be left out', () => {
  const inOneSlash24 = fc.array(crowdedPrefix, { maxLength: 10 });
  fc.assert(
    fc.property(inOneSlash24, inOneSlash24, (include, exclude) => {
      const policy = splitPolicy({
        splitTunnel: {
          defaultPath: 'direct',
          include: include.map(entry),
          exclude: exclude.map(entry),
        },
        networks: [],
      });
      const routes = compileRoutes(policy);

      for (const left of routes) {
        const without = table(routes.filter((route) => route !== left));
        const changed = CROWD.some(
          (one) => (without.match(one)?.value ?? 'direct') !== decide(one, policy).path,
        );
        expect(changed, `${printCidr(left.prefix)} ${left.path}`).toBe(true);
      }
    }),
  );
});

test('each route says whose it is', () => {
  const policy = splitPolicy({
    splitTunnel: {
      defaultPath: 'direct',
      include: [{ cidr: '10.0.0.0/8' }],
      exclude: [{ cidr: '10.1.0.0/16' }, { cidr: '192.168.0.0/16' }],
    },
    networks: [{ id: 'n1', name: 'tokyo-vpc', ranges: ['192.168.0.0/24', '10.3.0.0/16'] }],
  });

  const said = compileRoutes(policy).map(
    ({ prefix, path, because }) => `${printCidr(prefix)} ${path} ${because.kind}`,
  );

  expect(said).toEqual([
    '10.0.0.0/8 tunnel list',
    '10.1.0.0/16 direct list',
    '192.168.0.0/24 tunnel network',
  ]);
});

test('with the tunnel as default path both families get a default route', () => {
  const policy = splitPolicy({
    splitTunnel: { defaultPath: 'tunnel', include: [], exclude: [{ cidr: '10.0.0.0/8' }] },
    networks: [],
  });

  expect(compileRoutes(policy).map(({ prefix, path }) => `${printCidr(prefix)} ${path}`)).toEqual([
    '0.0.0.0/0 tunnel',
    '10.0.0.0/8 direct',
    '::/0 tunnel',
  ]);
});

test('10,000 entries in each list are compiled in a moment', () => {
  const entries = (host: string) =>
    Array.from({ length: 10_000 }, (_, at) => ({ cidr: `10.${at >> 8}.${at & 255}.${host}` }));
  const policy = splitPolicy({
    splitTunnel: { defaultPath: 'direct', include: entries('0/25'), exclude: entries('9/32') },
    networks: [],
  });

  const routes = compileRoutes(policy);

  expect(routes.length).toBe(20_000);
  expect(tunnelled(routes).v4.length).toBe(20_000);
}, 2_000);

function entry(prefix: Prefix): { cidr: string } {
  return { cidr: printCidr(prefix) };
}

function table(routes: readonly CompiledRoute[]): PrefixTable<Path> {
  const lookup = new PrefixTable<Path>();
  for (const { prefix, path } of routes) lookup.set(prefix, path);
  return lookup;
}

/** First and last address of every entry, and their neighbours outside. */
function boundaries(policy: SplitPolicy): Address[] {
  return [...policy.entries.entries(), ...policy.pins.entries()].flatMap(({ prefix }) => [
    firstAddress(prefix),
    lastAddress(prefix),
    ...beside(firstAddress(prefix), -1),
    ...beside(lastAddress(prefix), 1),
  ]);
}

function beside(one: Address, step: 1 | -1): Address[] {
  if (one.family === 4) {
    const value = one.value + step;
    return value >= 0 && value <= 0xffff_ffff ? [{ family: 4, value }] : [];
  }
  const value = one.value + BigInt(step);
  return value >= 0n && value < 1n << 128n ? [{ family: 6, value }] : [];
}
