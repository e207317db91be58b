import { expect, test } from 'vitest';
import { decideName, domainTable } from './domains.ts';

const table = domainTable(
  [{ domain: 'Example.com' }, { domain: '*.corp.example.com' }, { domain: 'both.example' }],
  [{ domain: '*.example.com' }, { domain: 'git.corp.example.com.' }, { domain: 'both.example' }],
);

test.each([
  ['example.com', 'Example.com'],
  ['EXAMPLE.com.', 'Example.com'],
  ['www.example.com', '*.example.com'],
  ['a.b.c.example.com', '*.example.com'],
  ['corp.example.com', '*.example.com'],
  ['x.corp.example.com', '*.corp.example.com'],
  ['git.corp.example.com', 'git.corp.example.com.'],
  ['deep.git.corp.example.com', '*.corp.example.com'],
])('%s is decided by %s', (name, domain) => {
  expect(decideName(name, table)?.domain).toBe(domain);
});

test.each(['notexample.com', 'com', 'example.com.evil.test', ''])(
  'nothing is said about %j',
  (name) => {
    expect(decideName(name, table)).toBeUndefined();
  },
);

test('where both lists have the same name exclude wins', () => {
  expect(decideName('both.example', table)?.list).toBe('exclude');
});
