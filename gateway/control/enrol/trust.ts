/** The organisation's Ed25519 key and what it signs: the statement of first contact, and snapshots (T41). */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { CompactSign } from 'jose';
import { SNAPSHOT_TYP } from '../../contract/snapshot.ts';
import { formatJoinLink, TRUST_TYP, type TrustStatement } from '../../contract/trust.ts';
import type { Store } from '../store/store.ts';
import { readOrganisation } from './organisation.ts';

export interface Trust {
  /** base64url of SHA-256 of the raw public key: what links and tokens carry. */
  fingerprint: string;
  /** What a person pastes into the app to sign in. */
  joinLink: string;
  /** Compact JWS of a `TrustStatement`. */
  signStatement(): Promise<string>;
  /** Compact JWS of a DeviceConfig or ConnectorConfig. */
  signSnapshot(payload: unknown): Promise<string>;
}

/** A client fetches a fresh statement for each first contact; this bounds how long a stolen TLS key stays named. */
const STATEMENT_LIFETIME_MS = 24 * 3_600_000;

export async function openTrust(
  store: Store,
  publicUrl: string,
  tlsPins: string[],
): Promise<Trust> {
  const pem = await store.secrets.readOrMake(store.db, 'organisation-key', newSigningKey);
  const key = createPrivateKey(pem);
  const publicKey = createPublicKey(key).export({ format: 'jwk' }).x ?? '';
  const fingerprint = createHash('sha256')
    .update(Buffer.from(publicKey, 'base64url'))
    .digest('base64url');
  const sign = (typ: string, payload: unknown) => signCompact(key, fingerprint, typ, payload);
  return {
    fingerprint,
    joinLink: formatJoinLink({ gateway: publicUrl, fingerprint }),
    signSnapshot: (payload) => sign(SNAPSHOT_TYP, payload),
    signStatement: async () => {
      const { id, name } = await readOrganisation(store.db);
      const now = store.clock();
      const statement: TrustStatement = {
        v: 1,
        organisation: { id, name },
        publicKey,
        tlsKeys: tlsPins,
        issuer: `${publicUrl}/oauth`,
        issuedAt: now,
        expiresAt: now + STATEMENT_LIFETIME_MS,
      };
      return sign(TRUST_TYP, statement);
    },
  };
}

function newSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string;
}

function signCompact(key: KeyObject, kid: string, typ: string, payload: unknown): Promise<string> {
  return new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'EdDSA', typ, kid })
    .sign(key);
}
