/**
 * What a connector keeps: who it is and whom it trusts. Written whole or not at all, readable by its user alone; a file
 * that is damaged is never overwritten.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { isKey } from '../../native/wg/keys.ts';
import { Fingerprint, TrustStatement } from '../contract/trust.ts';
import { type Identity, importIdentity } from '../trust/identity.ts';
import { Forwarding } from './kernel/choose.ts';
import { Stop } from './stop.ts';

const WireGuardSecret = z.string().refine(isKey, 'is no WireGuard key');

export const Membership = z.object({
  v: z.literal(1),
  gateway: z.url(),
  fingerprint: Fingerprint,
  organisationKey: TrustStatement.shape.publicKey,
  organisationName: z.string(),
  tlsKeys: TrustStatement.shape.tlsKeys,
  /** SHA-256 of the token it joined with, so that the same line again is no second join. */
  tokenHash: z.string(),
  connectorId: z.string(),
  /** PKCS#8 PEM. */
  identity: z.string(),
  wireguardKey: WireGuardSecret,
});
export type Membership = z.infer<typeof Membership>;

const FILE = 'connector.json';
const SNAPSHOT_FILE = 'snapshot.jws';
const FORWARDING_FILE = 'forwarding.json';

export class StateFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  make(): void {
    try {
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new Stop('state', `The state directory ${this.path} cannot be made: ${reason(cause)}.`);
    }
  }

  /** Undefined before the first join. */
  readMembership(): Membership | undefined {
    const text = this.#read(FILE);
    if (text === undefined) return undefined;
    try {
      return Membership.parse(JSON.parse(text));
    } catch {
      throw damaged(join(this.path, FILE));
    }
  }

  /** Throws a `Stop` before the first join. */
  requireMembership(): Membership {
    const membership = this.readMembership();
    if (membership) return membership;
    throw new Stop(
      'not-joined',
      'This machine has not joined a network yet. Run the line from the network’s page in the dashboard.',
    );
  }

  writeMembership(membership: Membership): void {
    this.#write(FILE, `${JSON.stringify(membership, null, 2)}\n`);
  }

  /** It is signed, so whoever uses it checks it; a damaged one is only missing. */
  readSnapshot(): string | undefined {
    return this.#read(SNAPSHOT_FILE)?.trim();
  }

  writeSnapshot(jws: string): void {
    this.#write(SNAPSHOT_FILE, `${jws}\n`);
  }

  /** Who forwards, for people who ask; nothing is decided by it. */
  writeForwarding(forwarding: Forwarding): void {
    this.#write(FORWARDING_FILE, `${JSON.stringify(forwarding)}\n`);
  }

  readForwarding(): Forwarding | undefined {
    try {
      return Forwarding.parse(JSON.parse(this.#read(FORWARDING_FILE) ?? ''));
    } catch {
      return undefined;
    }
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(join(this.path, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new Stop('state', `${join(this.path, name)} cannot be read: ${reason(error)}.`);
    }
  }

  #write(name: string, text: string): void {
    const path = join(this.path, name);
    try {
      writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true });
      renameSync(`${path}.new`, path);
      syncFolder(dirname(path));
    } catch (error) {
      throw new Stop('state', `${path} cannot be written: ${reason(error)}.`);
    }
  }
}

/** The identity key of a membership; a key that does not parse is damage like any other. */
export function identityOf(membership: Membership, folder: StateFolder): Identity {
  try {
    return importIdentity(membership.identity);
  } catch {
    throw damaged(join(folder.path, FILE));
  }
}

function damaged(path: string): Stop {
  return new Stop(
    'state',
    `${path} is damaged. Nothing was changed: restore it from a backup, or move it away and join again with a new token.`,
  );
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function reason(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
