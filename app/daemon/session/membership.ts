/** What the session needs of the rest of the daemon; main.ts hands it over. */
import type { KeyObject } from 'node:crypto';
import type { DeviceConfig } from '../../../gateway/contract/snapshot.ts';
import type { Identity } from '../../../gateway/trust/identity.ts';
import { organisationKey } from '../../../gateway/trust/statement.ts';
import type { Problem } from '../../contract/local-api.ts';

/** The organisation that is pinned, and who this device is in it. */
export interface Membership {
  gateway: string;
  organisation: { id: string; name: string };
  fingerprint: string;
  publicKey: string;
  tlsKeys: string[];
  issuer: string;
  deviceId: string;
  /** Why the gateway does not talk to this device any more; null while it does. */
  ended: Problem | null;
}

export interface Keys {
  identity: Identity;
  wireguard: { publicKey: string; reveal(): string };
}

export interface Device {
  name: string;
  os: 'linux' | 'macos' | 'windows' | 'other';
  osVersion: string;
  clientVersion: string;
}

export interface SessionStore {
  readonly membership: Membership | null;
  readonly snapshot: string | null;
  readonly keys: Keys | null;
  keysForEnrolment(): Keys;
  saveMembership(membership: Membership): void;
  saveSnapshot(jws: string): void;
  forgetMembership(): void;
}

export interface SessionLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

export interface Received {
  config: DeviceConfig;
  jws: string;
}

export function keyOf(membership: Membership): KeyObject {
  return organisationKey(membership.publicKey);
}
