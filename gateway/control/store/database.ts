/**
 * Every table, as rows look in SQL after `CamelCasePlugin` (columns are snake_case in the database).
 *
 * Plain types only, so that the same statements run on SQLite and PostgreSQL: times are Unix milliseconds, truth is 0
 * or 1, and `Json` columns are text that `readJson` checks on the way out.
 */
import type { Kysely, Transaction } from 'kysely';

export type Json = string;
export type Flag = 0 | 1;
export type Role = 'owner' | 'admin' | 'member';
export type PeerKind = 'device' | 'connector';

/** One row. It exists from the first start on; `provider` and `ownerEmail` are filled by set-up. */
export interface OrganisationTable {
  id: string;
  name: string;
  /** Issuer, client id and groups claim of the identity provider. Its secret is in `secrets`. */
  provider: Json | null;
  ownerEmail: string | null;
  /** SHA-256 of the set-up link's code; null once set-up is done. */
  setupCodeHash: string | null;
  setupExpiresAt: number | null;
  overlayIpv4: string;
  /** The organisation's random ULA /48. */
  overlayIpv6: string;
  sessionSeconds: number;
  /** Who to ask, shown beside a refusal. */
  contact: string | null;
  createdAt: number;
}

/** Values sealed with the data directory's key: signing keys, the provider's client secret. */
export interface SecretTable {
  name: string;
  sealed: Json;
}

export interface CounterTable {
  name: string;
  value: number;
}

/** Keyed by (issuer, subject), never by e-mail (T32). */
export interface UserTable {
  id: string;
  issuer: string;
  subject: string;
  email: string;
  name: string;
  role: Role;
  createdAt: number;
  lastSignInAt: number | null;
}

export interface UserGroupTable {
  userId: string;
  name: string;
}

/** What devices and connectors have in common: their keys and their place in the overlay. */
export interface PeerTable {
  /** The device's or the connector's id. */
  id: string;
  kind: PeerKind;
  wireguardKey: string;
  /** Public JWK of the Ed25519 identity key, and its RFC 7638 thumbprint. */
  identityKey: Json;
  identityThumbprint: string;
  /** Position in the overlay; both addresses follow from it. */
  host: number;
  ipv4: string;
  ipv6: string;
}

/** Keys that once belonged to somebody: nobody else may enrol with them (T29). */
export interface RetiredKeyTable {
  /** A WireGuard public key or an identity thumbprint. */
  key: string;
  /** The user's id, or `connector`. */
  owner: string;
}

export interface DeviceTable {
  id: string;
  userId: string;
  profileId: string | null;
  name: string;
  os: string;
  osVersion: string | null;
  clientVersion: string;
  enrolledAt: number;
  sessionExpiresAt: number;
  appliedRevision: number | null;
  problem: string | null;
  lastSeenAt: number | null;
}

export interface NetworkTable {
  id: string;
  name: string;
  createdAt: number;
}

export interface RangeTable {
  networkId: string;
  cidr: string;
  createdAt: number;
}

export interface ConnectorTable {
  id: string;
  networkId: string;
  name: string;
  version: string;
  joinedAt: number;
  appliedRevision: number | null;
  problem: string | null;
  /** Last `health` reply (device-api.ts), or null before the first. */
  health: Json | null;
  lastSeenAt: number | null;
}

export interface ConnectorTokenTable {
  id: string;
  networkId: string;
  /** base64url of SHA-256 of the token's secret. */
  secretHash: string;
  createdBy: string;
  createdAt: number;
  expiresAt: number;
  usedAt: number | null;
  usedBy: string | null;
}

export interface RuleTable {
  id: string;
  /** Position; the first match decides. */
  number: number;
  name: string;
  action: 'allow' | 'block';
  subjects: Json;
  networkIds: Json;
  ranges: Json;
  protocol: 'any' | 'tcp' | 'udp' | 'icmp';
  ports: Json;
  enabled: Flag;
}

export interface ProfileTable {
  id: string;
  name: string;
  isDefault: Flag;
  splitTunnel: Json;
}

/** Each row's hash covers the row before it, so that a removed or edited row shows. */
export interface AuditTable {
  id: number;
  at: number;
  who: string;
  what: string;
  before: Json;
  after: Json;
  previousHash: string;
  hash: string;
}

/** State of the authorisation server, in the shape of oidc-provider's adapter: ids are hashes, the payload is sealed. */
export interface OauthPayloadTable {
  model: string;
  id: string;
  payload: Json;
  grantId: string | null;
  userCode: string | null;
  uid: string | null;
  expiresAt: number | null;
  consumedAt: number | null;
}

/** A browser that is signed in. The cookie's value is not here, only its hash. */
export interface BrowserSessionTable {
  idHash: string;
  userId: string;
  createdAt: number;
  expiresAt: number;
}

/** A login that has gone to the identity provider and has not come back. */
export interface SignInTable {
  stateHash: string;
  /** Hash of the cookie of the browser that asked, so that nobody can finish somebody else's login. */
  browserHash: string;
  codeVerifier: string;
  nonce: string;
  returnTo: string;
  expiresAt: number;
}

/** Ids of proofs and challenges that were accepted once and are refused from then on. */
export interface UsedProofTable {
  id: string;
  expiresAt: number;
}

export interface Database {
  organisations: OrganisationTable;
  secrets: SecretTable;
  counters: CounterTable;
  users: UserTable;
  userGroups: UserGroupTable;
  peers: PeerTable;
  retiredKeys: RetiredKeyTable;
  devices: DeviceTable;
  networks: NetworkTable;
  ranges: RangeTable;
  connectors: ConnectorTable;
  connectorTokens: ConnectorTokenTable;
  rules: RuleTable;
  profiles: ProfileTable;
  audit: AuditTable;
  oauthPayloads: OauthPayloadTable;
  browserSessions: BrowserSessionTable;
  signIns: SignInTable;
  usedProofs: UsedProofTable;
}

export type Db = Kysely<Database>;
export type Tx = Transaction<Database>;
