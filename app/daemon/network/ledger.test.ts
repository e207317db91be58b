import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Claim, Ledger, parseLedger, printLedger } from './ledger.ts';

const firewall: Claim = { kind: 'firewall', table: 'culvert' };
const arp: Claim = {
  kind: 'setting',
  key: 'net/ipv4/conf/all/arp_ignore',
  before: '0',
  wrote: '1',
};
const presumed: Claim[] = [firewall, { kind: 'refusing-routes', table: 5182 }];

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-ledger-'));
  path = join(folder, 'ledger.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a claim is on disk before claim() returns, readable by root alone', () => {
  Ledger.open(path, presumed).claim([firewall, arp]);

  expect(Ledger.open(path, presumed).claims).toEqual([firewall, arp]);
  expect(Ledger.open(path, presumed).damage).toBeNull();
  expect(readdirSync(folder)).toEqual(['ledger.json']);
});

test('releasing the last claim leaves no file', () => {
  const ledger = Ledger.open(path, presumed);
  ledger.claim([firewall, arp]);

  ledger.release(arp);
  expect(Ledger.open(path, presumed).claims).toEqual([firewall]);
  ledger.release(firewall);

  expect(existsSync(path)).toBe(false);
});

test('the value from before us is the one that was read first', () => {
  const ledger = Ledger.open(path, presumed);
  ledger.claim([arp]);

  ledger.claim([{ ...arp, before: '1' }]);

  expect(ledger.claims).toEqual([arp]);
});

test('addresses of earlier configurations stay claimed until they are given back', () => {
  const ledger = Ledger.open(path, presumed);
  ledger.claim([{ kind: 'addresses', device: 'culvert0', addresses: ['100.96.0.5/32'] }]);

  ledger.claim([{ kind: 'addresses', device: 'culvert0', addresses: ['100.96.0.9/32'] }]);

  expect(ledger.claims).toEqual([
    { kind: 'addresses', device: 'culvert0', addresses: ['100.96.0.5/32', '100.96.0.9/32'] },
  ]);
});

test('cut off at any byte or with any bit flipped, a ledger is damaged or whole, never half believed', () => {
  const text = printLedger([firewall, arp]);
  for (let length = 0; length < text.length - 1; length++) {
    expect(parseLedger(text.slice(0, length)), `${length} bytes`).toBeUndefined();
  }
  const bytes = Buffer.from(text);
  for (let bit = 0; bit < (bytes.length - 1) * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const claims = parseLedger(flipped.toString('utf8'));
    if (claims) expect(claims, `bit ${bit}`).toEqual([firewall, arp]);
  }
});

test('a damaged ledger presumes that everything with our names is ours, and says so', () => {
  writeFileSync(path, '{"v":1,"claims":[');

  const ledger = Ledger.open(path, presumed);

  expect(ledger.claims).toEqual(presumed);
  expect(ledger.damage).toContain(path);
  ledger.claim([arp]);
  expect(Ledger.open(path, []).claims).toEqual([...presumed, arp]);
});

test('what a power cut left half written beside the ledger is not read', () => {
  Ledger.open(path, presumed).claim([firewall]);
  writeFileSync(`${path}.new`, '{"v":1,');

  const ledger = Ledger.open(path, presumed);
  ledger.claim([arp]);

  expect(parseLedger(readFileSync(path, 'utf8'))).toEqual([firewall, arp]);
});

test('a ledger that cannot be written stops the change it should have named', () => {
  const ledger = Ledger.open(join(folder, 'missing', 'ledger.json'), presumed);

  expect(() => ledger.claim([firewall])).toThrow(
    expect.objectContaining({ code: 'state-unwritable' }),
  );
  expect(ledger.claims).toEqual([]);
});
