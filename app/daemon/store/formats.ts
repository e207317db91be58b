/** What each state file holds. A change of a shape raises its version and adds a migration; released ones stay. */
import { z } from 'zod';
import { Fingerprint } from '../../../gateway/contract/trust.ts';
import { Problem } from '../../contract/local-api.ts';
import type { StateFormat } from './state-file.ts';

/** The device's two key pairs. They are made here and never leave this computer. */
export const IdentityData = z.strictObject({
  /** Ed25519, PKCS#8 PEM. */
  identityKey: z.string(),
  /** Raw X25519 private key, standard base64. */
  wireguardKey: z.string().regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/),
});
export type IdentityData = z.infer<typeof IdentityData>;

/** The organisation that is pinned, and who this device is in it. */
export const Membership = z.strictObject({
  gateway: z.string(),
  organisation: z.strictObject({ id: z.string(), name: z.string() }),
  fingerprint: Fingerprint,
  /** base64url of the raw Ed25519 public key. */
  publicKey: z.string(),
  /** TLS keys of the last verified statement. */
  tlsKeys: z.array(z.string()),
  issuer: z.string(),
  deviceId: z.string(),
  /** Why the gateway will not talk to this device any more; null while it does. */
  ended: Problem.nullable(),
});
export type Membership = z.infer<typeof Membership>;

export const Wanted = z.enum(['on', 'off']);
export type Wanted = z.infer<typeof Wanted>;

export const Preferences = z.strictObject({
  /**
   * Remembered choice where a local network overlaps, by its prefix. Nothing writes it yet: first it has to be kept by what
   * the network is recognised by, for every café could claim the prefix.
   */
  overlaps: z.record(z.string(), z.enum(['local', 'tunnel'])),
});
export type Preferences = z.infer<typeof Preferences>;
export const DEFAULT_PREFERENCES: Preferences = { overlaps: {} };

export const IDENTITY_FILE = format('identity.json', IdentityData);
export const MEMBERSHIP_FILE = format('membership.json', Membership);
/** The snapshot as it was received: its signature is verified again at each start. */
export const SNAPSHOT_FILE = format('snapshot.json', z.strictObject({ jws: z.string() }));
export const WANTED_FILE = format('wanted.json', z.strictObject({ wanted: Wanted }));
/** Only while there is a pause. */
export const PAUSE_FILE = format('pause.json', z.strictObject({ until: z.number() }));
export const PREFERENCES_FILE = format('preferences.json', Preferences);

function format<T>(name: string, schema: z.ZodType<T>): StateFormat<T> {
  return { name, version: 1, schema, migrations: [] };
}
