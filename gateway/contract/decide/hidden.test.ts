import { expect, test } from 'vitest';
import type { SplitTunnel } from '../snapshot.ts';
import { findHidden } from './hidden.ts';
import { splitPolicy } from './policy.ts';

test('an exclude entry equal to a range hides it whole, a narrower one hides a part', () => {
  const hidden = findHidden(
    policy(['10.0.0.0/16', '192.168.0.128/25'], ['10.0.0.0/16', '192.168.0.0/24']),
  );

  expect(hidden).toEqual([
    {
      network: { id: 'n1', name: 'tokyo-vpc' },
      range: '10.0.0.0/16',
      entry: '10.0.0.0/16',
      whole: true,
    },
    {
      network: { id: 'n1', name: 'tokyo-vpc' },
      range: '192.168.0.0/24',
      entry: '192.168.0.128/25',
      whole: false,
    },
  ]);
});

test('a wider exclude entry hides nothing, for the range is more specific', () => {
  expect(findHidden(policy(['192.168.0.0/16'], ['192.168.0.0/24']))).toEqual([]);
});

test('an entry that never decides hides nothing', () => {
  const ranges = ['10.0.0.0/16', '10.0.0.0/25', '10.0.0.128/25'];

  expect(findHidden(policy(['10.0.0.0/24'], ranges))).toEqual([]);
});

function policy(exclude: string[], ranges: string[]) {
  return splitPolicy({ splitTunnel: lists(exclude), networks: networks(ranges) });
}

function lists(exclude: string[]): SplitTunnel {
  return { defaultPath: 'direct', include: [], exclude: exclude.map((cidr) => ({ cidr })) };
}

function networks(ranges: string[]) {
  return [{ id: 'n1', name: 'tokyo-vpc', ranges }];
}
