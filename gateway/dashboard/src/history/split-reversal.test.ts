import { expect, test } from 'vitest';
import type { SplitTunnel } from '../../../contract/snapshot.ts';
import { splitWithout } from './split-reversal.ts';

test('a change is taken out of what has become of the lists since', () => {
  const removed = lists(['10.0.0.0/8'], []);
  const added = lists([], ['192.168.0.0/16']);
  const now = lists(['172.16.0.0/12'], ['192.168.0.0/16', '203.0.113.0/24']);

  expect(splitWithout(now, { removed, added })).toEqual(
    lists(['172.16.0.0/12', '10.0.0.0/8'], ['203.0.113.0/24']),
  );
});

test('an entry that somebody has put back since stays once', () => {
  const removed = lists(['10.0.0.0/8'], []);

  expect(splitWithout(removed, { removed, added: lists([], []) })).toEqual(removed);
});

function lists(include: string[], exclude: string[]): SplitTunnel {
  const entries = (all: string[]) => all.map((cidr) => ({ cidr }));
  return { defaultPath: 'direct', include: entries(include), exclude: entries(exclude) };
}
