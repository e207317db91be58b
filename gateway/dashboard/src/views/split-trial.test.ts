import { expect, test } from 'vitest';
import { splitPolicy } from '../../../contract/decide/policy.ts';
import { trialOf } from './split-trial.ts';

const policy = splitPolicy({
  splitTunnel: {
    defaultPath: 'direct',
    include: [{ cidr: '10.0.0.0/8' }, { domain: '*.example.com' }],
    exclude: [{ cidr: '10.9.0.0/16' }],
  },
  networks: [{ id: 'net_1', name: 'tokyo-vpc', ranges: ['192.168.0.0/24'] }],
});

test.each([
  ['192.168.0.10', 'network', 'tokyo-vpc'],
  ['10.1.2.3', 'include', '10.0.0.0/8'],
  ['10.9.2.3', 'exclude', '10.9.0.0/16'],
  ['203.0.113.1', 'direct', undefined],
  ['git.example.com', 'include', '*.example.com'],
  ['example.com', 'byAddress', undefined],
  ['10.0.0.0/8', 'unreadable', undefined],
  ['10.0.0', 'unreadable', undefined],
])('%s: %s %s', (what, kind, entry) => {
  expect(trialOf(` ${what} `, policy)).toEqual({
    kind,
    parts: { what, ...(entry === undefined ? {} : { entry }) },
  });
});
