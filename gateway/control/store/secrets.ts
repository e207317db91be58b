/**
 * Secrets at rest: AES-256-GCM with a fresh nonce each, the name as associated data, under a key that lies beside the
 * database and not in it, so that a copy of the database alone gives nothing away.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { Fault } from '../http/fault.ts';
import { type DataDirectory, readPrivateFile, writePrivateFile } from './data-directory.ts';
import type { Db, Json, Tx } from './database.ts';

const KEY_FILE = 'store.key';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const Sealed = z.object({ v: z.literal(1), key: z.string(), nonce: z.string(), box: z.string() });

export class Secrets {
  readonly #key: Buffer;
  readonly #keyId: string;

  constructor(key: Buffer) {
    this.#key = key;
    this.#keyId = createHash('sha256').update(key).digest('base64url').slice(0, 8);
  }

  async read(db: Db | Tx, name: string): Promise<string | undefined> {
    const row = await db
      .selectFrom('secrets')
      .select('sealed')
      .where('name', '=', name)
      .executeTakeFirst();
    return row ? this.open(name, row.sealed) : undefined;
  }

  async write(db: Db | Tx, name: string, value: string): Promise<void> {
    const sealed = this.seal(name, value);
    await db
      .insertInto('secrets')
      .values({ name, sealed })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ sealed }))
      .execute();
  }

  /** Reads it, or makes and keeps it when it is not there yet. */
  async readOrMake(db: Db | Tx, name: string, make: () => string): Promise<string> {
    const known = await this.read(db, name);
    if (known !== undefined) return known;
    const value = make();
    await this.write(db, name, value);
    return value;
  }

  /** For columns that hold secrets of their own. */
  seal(name: string, value: string): Json {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(name));
    const box = Buffer.concat([cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return JSON.stringify({
      v: 1,
      key: this.#keyId,
      nonce: nonce.toString('base64url'),
      box: box.toString('base64url'),
    });
  }

  open(name: string, text: Json): string {
    try {
      const sealed = Sealed.parse(JSON.parse(text));
      const box = Buffer.from(sealed.box, 'base64url');
      const decipher = createDecipheriv(
        'aes-256-gcm',
        this.#key,
        Buffer.from(sealed.nonce, 'base64url'),
      )
        .setAAD(Buffer.from(name))
        .setAuthTag(box.subarray(-TAG_BYTES));
      return Buffer.concat([
        decipher.update(box.subarray(0, -TAG_BYTES)),
        decipher.final(),
      ]).toString('utf8');
    } catch (cause) {
      throw new Fault(
        'secret-unreadable',
        `The secret “${name}” cannot be read with ${KEY_FILE}. Restore that file from the backup that the database comes from.`,
        cause,
      );
    }
  }
}

export function openSecrets(directory: DataDirectory): Secrets {
  const path = directory.file(KEY_FILE);
  const known = readPrivateFile(path);
  if (known && known.length !== KEY_BYTES) {
    throw new Fault('secret-key-damaged', `${path} is damaged. Restore it from a backup.`);
  }
  if (known) return new Secrets(known);
  const key = randomBytes(KEY_BYTES);
  writePrivateFile(path, key);
  return new Secrets(key);
}
