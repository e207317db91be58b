/**
 * The undo ledger: what Culvert holds on this computer, written down before it is taken. Whatever is killed, whenever, the
 * next start or `culvert repair` reads here what there is to give back.
 *
 * It names things, not steps: "our routes of table 5182", "arp_ignore, which was 0". To give a thing back that was never
 * taken does nothing, so an entry may be written too early, and may stay too long.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { Fault, reasonOf } from '../../contract/problem.ts';

/** Protection is only ever replaced while the device is wanted on; a connection is undone with its tunnel. */
export type ClaimClass = 'protection' | 'connection';

const Family = z.union([z.literal(4), z.literal(6)]);

export const Claim = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('firewall'), table: z.string() }),
  z.strictObject({
    kind: z.literal('rule'),
    family: Family,
    priority: z.number(),
    table: z.number(),
    mark: z.number(),
    markMask: z.number(),
  }),
  z.strictObject({ kind: z.literal('refusing-routes'), table: z.number() }),
  z.strictObject({ kind: z.literal('tunnel-routes'), table: z.number() }),
  z.strictObject({
    kind: z.literal('addresses'),
    device: z.string(),
    addresses: z.array(z.string()),
  }),
  /** `before` is null where it is not known any more. */
  z.strictObject({
    kind: z.literal('setting'),
    key: z.string(),
    before: z.string().nullable(),
    wrote: z.string(),
  }),
]);
export type Claim = z.infer<typeof Claim>;

export function classOf(claim: Claim): ClaimClass {
  return ['firewall', 'rule', 'refusing-routes'].includes(claim.kind) ? 'protection' : 'connection';
}

/** Two claims on the same thing; the later one says more and takes the earlier one's place. */
function sameThing(left: Claim, right: Claim): boolean {
  return thing(left) === thing(right);
}

function thing(claim: Claim): string {
  switch (claim.kind) {
    case 'firewall':
      return `firewall ${claim.table}`;
    case 'rule':
      return `rule ${claim.family} ${claim.priority}`;
    case 'refusing-routes':
    case 'tunnel-routes':
      return `${claim.kind} ${claim.table}`;
    case 'addresses':
      return `addresses ${claim.device}`;
    case 'setting':
      return `setting ${claim.key}`;
  }
}

const LedgerFile = z.strictObject({ v: z.literal(1), check: z.string(), claims: z.array(Claim) });

export class Ledger {
  readonly #path: string;
  #claims: readonly Claim[];
  /** Why what was written could not be believed; null when it could. */
  readonly damage: string | null;

  private constructor(path: string, claims: readonly Claim[], damage: string | null) {
    this.#path = path;
    this.#claims = claims;
    this.damage = damage;
  }

  /** A damaged ledger answers with `presumed`: everything that carries our names may be ours. */
  static open(path: string, presumed: readonly Claim[]): Ledger {
    const text = readIfThere(path);
    if (text === undefined) return new Ledger(path, [], null);
    const claims = parseLedger(text);
    if (claims) return new Ledger(path, claims, null);
    return new Ledger(path, presumed, `${path} does not hold what Culvert wrote`);
  }

  get claims(): readonly Claim[] {
    return this.#claims;
  }

  /** On disk before this returns. Nothing is written when nothing is new. */
  claim(claims: readonly Claim[]): void {
    const next = [...this.#claims];
    for (const claim of claims) {
      const at = next.findIndex((known) => sameThing(known, claim));
      if (at === -1) next.push(claim);
      else next[at] = merged(next[at] ?? claim, claim);
    }
    if (JSON.stringify(next) === JSON.stringify(this.#claims)) return;
    this.#write(next);
  }

  /** After the thing was given back. */
  release(claim: Claim): void {
    const next = this.#claims.filter((known) => !sameThing(known, claim));
    if (next.length !== this.#claims.length) this.#write(next);
  }

  #write(claims: readonly Claim[]): void {
    try {
      if (claims.length === 0) removeDurably(this.#path);
      else replaceDurably(this.#path, printLedger(claims));
    } catch (cause) {
      throw new Fault('state-unwritable', { file: this.#path, reason: reasonOf(cause) }, cause);
    }
    this.#claims = claims;
  }
}

/** What was there before us was read the first time; later we would read our own value. */
function merged(known: Claim, claim: Claim): Claim {
  if (known.kind === 'setting' && claim.kind === 'setting')
    return { ...claim, before: known.before };
  if (known.kind === 'addresses' && claim.kind === 'addresses') {
    return { ...claim, addresses: [...new Set([...known.addresses, ...claim.addresses])] };
  }
  return claim;
}

export function printLedger(claims: readonly Claim[]): string {
  return `${JSON.stringify({ v: 1, check: checksum(claims), claims })}\n`;
}

export function parseLedger(text: string): readonly Claim[] | undefined {
  const parsed = LedgerFile.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  return parsed.data.check === checksum(parsed.data.claims) ? parsed.data.claims : undefined;
}

function checksum(claims: readonly Claim[]): string {
  return createHash('sha256').update(JSON.stringify(claims)).digest('base64url');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new Fault('state-unsafe', { file: path, reason: reasonOf(cause) }, cause);
  }
}

/** Old or new after a power cut, never neither: the new content is on disk before it gets the name. */
function replaceDurably(path: string, text: string): void {
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  const descriptor = openSync(
    temporary,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

function removeDurably(path: string): void {
  rmSync(path, { force: true });
  syncDirectory(dirname(path));
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
