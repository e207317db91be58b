import { expect, test } from 'vitest';
import { domainOf, parseEmail } from './email-address.ts';

test.for([
  ['alice@example.com', 'alice@example.com'],
  ['Alice@Example.COM', 'alice@example.com'],
  ['alice+vpn@example.com', 'alice+vpn@example.com'],
  ['a.b-c_d@mail.example.co.uk', 'a.b-c_d@mail.example.co.uk'],
  ['alice@xn--bcher-kva.example', 'alice@xn--bcher-kva.example'],
])('%s is the address %s', ([claim, address]) => {
  expect(parseEmail(claim)).toBe(address);
});

test.for([
  undefined,
  null,
  42,
  ['alice@example.com'],
  { email: 'alice@example.com' },
  '',
  'alice',
  '@example.com',
  'alice@',
  'alice@@example.com',
  'alice@evil.example@example.com',
  'alice@example.com@evil.example',
  '"alice@example.com"@evil.example',
  'alice@example.com,bob@example.com',
  'Alice <alice@example.com>',
  ' alice@example.com',
  'alice@example.com ',
  'alice @example.com',
  'alice@example.com\u0000',
  'alice@example.com\n',
  'alice@example.com.',
  'alice@.example.com',
  'alice@example..com',
  'alice@-example.com',
  'alice@example-.com',
  'alice@localhost',
  'alice@192.168.0.1',
  'alice@[192.168.0.1]',
  // Look-alikes: Cyrillic a, full-width a, Kelvin sign, dotless i, zero-width space, right-to-left override.
  '\u0430lice@example.com',
  '\uff41lice@example.com',
  'ali\u212ae@example.com',
  'al\u0131ce@example.com',
  'alice\u200b@example.com',
  '\u202ealice@example.com',
  'alice@ex\u0430mple.com',
  'alice@b\u00fccher.example',
  `${'a'.repeat(65)}@example.com`,
  `alice@${'a'.repeat(64)}.com`,
  `alice@${'a.'.repeat(140)}com`,
])('%j is no address', (claim) => {
  expect(parseEmail(claim)).toBeUndefined();
});

test('the domain is what follows the @', () => {
  expect(domainOf('alice@example.com')).toBe('example.com');
});
