/**
 * What a connector holds of this host, written down before it is taken, so that whatever is killed, the next start or the
 * uninstaller can give it back. To give back what was never taken does nothing.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { Stop } from '../stop.ts';

/**
 * The connector's user can write this file, and root may be who undoes it: it can name nothing but the one setting, as
 * the one of an interface, as off.
 */
const Setting = z.strictObject({
  path: z.string().regex(/^\/proc\/sys\/net\/ipv4\/conf\/(?!\.{1,2}\/)[^/\0]{1,15}\/forwarding$/),
  before: z.literal('0'),
});
type Setting = z.infer<typeof Setting>;

const Claims = z.strictObject({
  v: z.literal(1),
  /** Our firewall table is there. */
  firewall: z.boolean(),
  /** Settings and what they were before us. */
  settings: z.array(Setting),
});
export type Claims = z.infer<typeof Claims>;

const NOTHING: Claims = { v: 1, firewall: false, settings: [] };
const FILE = 'kernel-ledger.json';

export class KernelLedger {
  readonly #path: string;
  #claims: Claims;

  constructor(folder: string) {
    this.#path = join(folder, FILE);
    this.#claims = read(this.#path);
  }

  get claims(): Claims {
    return this.#claims;
  }

  get isEmpty(): boolean {
    return !this.#claims.firewall && this.#claims.settings.length === 0;
  }

  /** On disk before this returns. What a setting was before us is what it was the first time. */
  claim(settings: readonly Setting[]): void {
    const known = new Set(this.#claims.settings.map(({ path }) => path));
    const added = settings.filter(({ path }) => !known.has(path));
    if (this.#claims.firewall && added.length === 0) return;
    this.#write({ v: 1, firewall: true, settings: [...this.#claims.settings, ...added] });
  }

  /** After everything was given back. */
  clear(): void {
    this.#claims = NOTHING;
    rmSync(this.#path, { force: true });
  }

  #write(claims: Claims): void {
    const temporary = `${this.#path}.new`;
    writeFileSync(temporary, `${JSON.stringify(claims)}\n`, { mode: 0o600, flush: true });
    renameSync(temporary, this.#path);
    const folder = openSync(dirname(this.#path), 'r');
    fsyncSync(folder);
    closeSync(folder);
    this.#claims = claims;
  }
}

function read(path: string): Claims {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NOTHING;
    throw new Stop('state', `${path} cannot be read: ${(error as NodeJS.ErrnoException).code}.`);
  }
  try {
    return Claims.parse(JSON.parse(text));
  } catch {
    // The firewall table is ours by its name; what a setting was is lost, and stays as it is.
    return { ...NOTHING, firewall: true };
  }
}
