import { expect, test } from 'vitest';
import { readEntries, readEntry } from './split-entry.ts';

test('prefixes, addresses and names are told apart', () => {
  expect(readEntry(' 10.0.0.0/8 ')).toEqual({ cidr: '10.0.0.0/8' });
  expect(readEntry('192.168.0.10')).toEqual({ cidr: '192.168.0.10/32' });
  expect(readEntry('fd00::1')).toEqual({ cidr: 'fd00::1/128' });
  expect(readEntry('Example.com.')).toEqual({ domain: 'example.com' });
  expect(readEntry('*.example.com')).toEqual({ domain: '*.example.com' });
});

test.each([
  '',
  '/8',
  '10.0.0.0/33',
  '256.1.1.1',
  '10.1/16',
  'localhost',
  'a..b',
  '*.',
  'ex*mple.com',
  'http://example.com',
  '-a.com',
])('%j is no entry', (text) => {
  expect(readEntry(text)).toBeUndefined();
});

test('a pasted list is read whole, with its notes, and what is no entry is given back', () => {
  const pasted = '10.0.0.0/8 # office\n\n192.168.0.10, *.example.com;10.1/16\n# a remark\n';

  expect(readEntries(pasted)).toEqual({
    entries: [
      { cidr: '10.0.0.0/8', note: 'office' },
      { cidr: '192.168.0.10/32' },
      { domain: '*.example.com' },
    ],
    unread: ['10.1/16'],
  });
});
