import { expect, test } from 'vitest';
import { sentenceOf } from '../../contract/said.ts';
import type { PolicyState } from './policy-state.ts';
import { Reach } from './reach.ts';
import { removalEffects } from './removal-effects.ts';
import { NOW, network, rule, state } from './test-state.ts';

const STAFF = rule({
  name: 'Staff to Tokyo',
  subjects: [{ kind: 'group', name: 'staff' }],
  networkIds: ['tokyo'],
});

test('a network says who loses it, and what goes with it', () => {
  expect(effectsOf(state({ rules: [STAFF, rule({ networkIds: ['tokyo', 'lab'] })] }))).toEqual([
    'Devices that can reach it now: 2. Their connections to it end.',
    'Its connectors stop: vpc-a.',
    'Rules that name nothing else go with it: Staff to Tokyo.',
  ]);
});

test('a network that nobody reaches is no loss', () => {
  expect(effectsOf(state({ devices: [] }), '192.168.0.0/24')).toEqual([
    'No device can reach it now, so nobody loses anything.',
  ]);
});

test('addresses that another network has too go there', () => {
  const networks = [network('tokyo', ['192.168.0.0/24']), network('lab', ['192.168.0.0/16'])];

  expect(effectsOf(state({ networks, rules: [STAFF] }), '192.168.0.0/24')).toEqual([
    'Devices that can reach its network now: 1. Their connections to 192.168.0.0/24 end.',
    '192.168.0.0/24 goes to lab from then on.',
  ]);
});

function effectsOf(one: PolicyState, range?: string): string[] {
  const [tokyo] = one.networks;
  if (!tokyo) throw new Error('there is no network');
  const removal = { network: tokyo, range, connectors: ['vpc-a'], now: NOW };
  return removalEffects(one, new Reach(one), removal).map((says) => sentenceOf(says));
}
