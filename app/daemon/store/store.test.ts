import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Membership } from './formats.ts';
import { readStateFile, writeStateFile } from './state-file.ts';
import { Store } from './store.ts';

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'culvert-store-')), 'state');
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

describe('a fresh device', () => {
  test('is off, signed out and has nothing to complain about', () => {
    const store = new Store(directory);

    expect([store.wanted, store.membership, store.snapshot, store.problems]).toEqual([
      'off',
      null,
      null,
      [],
    ]);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  test('what was saved is there after a restart, in files that only their owner may open', () => {
    const store = new Store(directory);
    const keys = store.keysForEnrolment();
    store.saveMembership(membership());
    store.saveSnapshot('a.b.c');
    store.saveWanted('on');

    const again = new Store(directory);

    expect(again.keys?.identity.thumbprint).toBe(keys.identity.thumbprint);
    expect(again.keys?.wireguard.reveal()).toBe(keys.wireguard.reveal());
    expect([again.membership, again.snapshot, again.wanted]).toEqual([membership(), 'a.b.c', 'on']);
    for (const name of readdirSync(directory)) {
      expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    }
  });

  test('signing out forgets the keys, so that the next organisation meets a stranger', () => {
    const store = new Store(directory);
    const first = store.keysForEnrolment().identity.thumbprint;
    store.saveMembership(membership());

    store.forgetMembership();

    expect(readdirSync(directory)).toEqual([]);
    expect(store.keysForEnrolment().identity.thumbprint).not.toBe(first);
  });

  test('printing or serialising the keys shows no private half', () => {
    const keys = new Store(directory).keysForEnrolment();
    const shown = inspect(keys, { depth: 9 }) + JSON.stringify(keys);

    expect(shown).not.toContain(keys.wireguard.reveal());
    expect(shown).toContain(keys.wireguard.publicKey);
  });
});

describe('a damaged file', () => {
  test.each(['', '{', 'null', '[]', '\ufeff{}', '{"version":1}', 'x'.repeat(1000)])(
    'with the content %j counts as wanted on and is set aside',
    (content) => {
      mkdirSync(directory, { mode: 0o700 });
      writeFileSync(join(directory, 'wanted.json'), content, { mode: 0o600 });

      const store = new Store(directory, () => 0);

      expect(store.wanted).toBe('on');
      expect(store.problems.map((each) => each.code)).toEqual(['state-corrupt']);
      expect(readdirSync(directory)).toEqual(['wanted.json.damaged-19700101T000000Z']);
    },
  );

  test('any truncation or flipped bit of any file leaves wanted on, and never crashes', {
    timeout: 60_000,
  }, () => {
    const pristine = new Store(directory);
    pristine.keysForEnrolment();
    pristine.saveMembership(membership());
    pristine.saveSnapshot('a.b.c');
    pristine.saveWanted('on');
    const names = readdirSync(directory);
    const contents = new Map(names.map((name) => [name, readFileSync(join(directory, name))]));

    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.nat(),
        fc.nat(7),
        fc.boolean(),
        (name, at, bit, cut) => {
          for (const each of readdirSync(directory)) rmSync(join(directory, each));
          for (const [file, bytes] of contents)
            writeFileSync(join(directory, file), bytes, { mode: 0o600 });
          const bytes = Buffer.from(contents.get(name) ?? '');
          const index = at % bytes.length;
          bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
          writeFileSync(join(directory, name), cut ? bytes.subarray(0, index) : bytes);

          const store = new Store(directory);

          expect(store.wanted).toBe('on');
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a missing wanted file on an enrolled device means on', () => {
    const store = new Store(directory);
    store.keysForEnrolment();
    store.saveMembership(membership());

    expect(new Store(directory).wanted).toBe('on');
  });
});

describe('a file that others could have written', () => {
  test('group-writable is refused and left where it is', () => {
    new Store(directory).saveWanted('off');
    chmodSync(join(directory, 'wanted.json'), 0o620);

    const store = new Store(directory);

    expect(store.wanted).toBe('on');
    expect(store.problems).toEqual([
      {
        code: 'state-unsafe',
        detail: { file: join(directory, 'wanted.json'), reason: 'others may write to it' },
      },
    ]);
  });

  test('a symbolic link is refused, whatever it points to', () => {
    new Store(directory).saveWanted('off');
    const elsewhere = join(directory, '..', 'elsewhere.json');
    writeFileSync(elsewhere, readFileSync(join(directory, 'wanted.json')), { mode: 0o600 });
    rmSync(join(directory, 'wanted.json'));
    symlinkSync(elsewhere, join(directory, 'wanted.json'));

    expect(new Store(directory).problems.map((each) => each.detail.reason)).toEqual([
      'it is a symbolic link',
    ]);
  });

  test('a directory that others may write to stops the start with a sentence', () => {
    mkdirSync(directory, { mode: 0o700 });
    chmodSync(directory, 0o777);

    expect(() => new Store(directory)).toThrow(expect.objectContaining({ code: 'state-unsafe' }));
  });
});

describe('versions', () => {
  const first = {
    name: 'thing.json',
    version: 1,
    schema: z.strictObject({ on: z.boolean() }),
    migrations: [],
  };
  const second = {
    name: 'thing.json',
    version: 2,
    schema: z.strictObject({ wanted: z.string() }),
    migrations: [(older: unknown) => ({ wanted: (older as { on: boolean }).on ? 'on' : 'off' })],
  };

  test('an older file is migrated step by step', () => {
    mkdirSync(directory);
    writeStateFile(directory, first, { on: true });

    expect(readStateFile(directory, second)).toEqual({ kind: 'present', value: { wanted: 'on' } });
  });

  test('a newer file is neither read nor thrown away', () => {
    mkdirSync(directory);
    writeStateFile(directory, second, { wanted: 'on' });

    expect(readStateFile(directory, first)).toEqual({ kind: 'newer', version: 2 });
    expect(readdirSync(directory)).toEqual(['thing.json']);
  });
});

function membership(): Membership {
  return {
    gateway: 'https://gateway.example',
    organisation: { id: 'org', name: 'Example' },
    fingerprint: 'a'.repeat(43),
    publicKey: 'b'.repeat(43),
    tlsKeys: [],
    issuer: 'https://gateway.example',
    deviceId: 'dev',
    ended: null,
  };
}
