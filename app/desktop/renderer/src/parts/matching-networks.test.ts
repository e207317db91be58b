import { expect, test } from 'vitest';
import { matchingNetworks, type Network } from './matching-networks.ts';

const network = (name: string, range: string, healthy = 1): Network => ({
  id: name,
  name,
  ranges: [range],
  connectors: { healthy, total: 1 },
});
const networks = [network('tokyo', '192.168.0.0/24'), network('oslo', '10.0.0.0/8', 0)];
const names = (typed: string) => matchingNetworks(networks, typed).map(({ name }) => name);

test('a network without a healthy connector comes first', () => {
  expect(names('')).toEqual(['oslo', 'tokyo']);
});

test('names and ranges are searched, whatever the case', () => {
  expect(names(' TOK ')).toEqual(['tokyo']);
  expect(names('10.0')).toEqual(['oslo']);
  expect(names('nowhere')).toEqual([]);
});
