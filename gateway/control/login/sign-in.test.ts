import fc from 'fast-check';
import { expect, test } from 'vitest';
import { safePath } from './sign-in.ts';

test('a path of our own stays as it is, with its query', () => {
  expect(safePath('/networks/net_1?tab=ranges#top')).toBe('/networks/net_1?tab=ranges#top');
});

test('whatever is asked for, a browser stays at the gateway', () => {
  const piece = fc.constantFrom(
    '/',
    '\\',
    '//',
    'evil.example',
    'https:',
    '@',
    '.',
    '..',
    '%2f',
    '\t',
    '\n',
    ' ',
    '#',
    '?',
  );
  const path = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(path, (text) => {
      expect(new URL(safePath(text), 'https://gate.example').origin).toBe('https://gate.example');
    }),
    { numRuns: 2000 },
  );
});
