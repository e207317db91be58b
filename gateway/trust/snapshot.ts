/**
 * What a receiver checks before it believes a snapshot (snapshot.ts of the contract). Each refusal leaves the last good
 * snapshot as it is; the caller keeps that one.
 */
import type { KeyObject } from 'node:crypto';
import { compactVerify } from 'jose';
import { MAX_SNAPSHOT_BYTES } from '../contract/constants.ts';
import { ConnectorConfig, DeviceConfig, SNAPSHOT_TYP } from '../contract/snapshot.ts';
import { parseJson } from './gateway-call.ts';

export interface SnapshotReceiver {
  key: KeyObject;
  fingerprint: string;
  /** Device or connector id. */
  id: string;
  /** Of the last good snapshot; null before the first. The same revision again is fine: its bytes may differ in health. */
  revision: number | null;
  now: number;
}

export type SnapshotOutcome<T> =
  | { kind: 'good'; config: T }
  | { kind: 'refused'; reason: SnapshotRefusal; revision: number | null };

export type SnapshotRefusal =
  | 'too-large'
  | 'bad-signature'
  | 'invalid'
  | 'other-receiver'
  | 'older-revision'
  | 'expired';

export const SNAPSHOT_REFUSALS: Record<SnapshotRefusal, string> = {
  'too-large': 'The snapshot is larger than a snapshot may be.',
  'bad-signature': 'The snapshot is not signed by this organisation.',
  invalid: 'The snapshot is not one that this version understands.',
  'other-receiver': 'The snapshot is for somebody else.',
  'older-revision': 'The snapshot is older than the one in use.',
  expired: 'The snapshot has expired.',
};

export function verifyDeviceSnapshot(
  jws: string,
  receiver: SnapshotReceiver,
): Promise<SnapshotOutcome<DeviceConfig>> {
  return verify(jws, receiver, (payload) => DeviceConfig.safeParse(payload).data);
}

export function verifyConnectorSnapshot(
  jws: string,
  receiver: SnapshotReceiver,
): Promise<SnapshotOutcome<ConnectorConfig>> {
  return verify(jws, receiver, (payload) => ConnectorConfig.safeParse(payload).data);
}

interface Header {
  receiver: string;
  revision: number;
  expiresAt: number;
}

async function verify<T extends Header>(
  jws: string,
  receiver: SnapshotReceiver,
  parse: (payload: unknown) => T | undefined,
): Promise<SnapshotOutcome<T>> {
  // A JWS is ASCII, so its length is its size.
  if (jws.length > MAX_SNAPSHOT_BYTES) return refuse('too-large', null);
  const payload = await verifiedPayload(jws, receiver);
  if (payload === undefined) return refuse('bad-signature', null);
  const config = parse(parseJson(payload));
  if (!config) return refuse('invalid', null);
  if (config.receiver !== receiver.id) return refuse('other-receiver', config.revision);
  if (receiver.revision !== null && config.revision < receiver.revision)
    return refuse('older-revision', config.revision);
  if (config.expiresAt <= receiver.now) return refuse('expired', config.revision);
  return { kind: 'good', config };
}

async function verifiedPayload(
  jws: string,
  receiver: SnapshotReceiver,
): Promise<string | undefined> {
  try {
    const { payload, protectedHeader } = await compactVerify(jws, receiver.key, {
      algorithms: ['EdDSA'],
    });
    const ours =
      protectedHeader.typ === SNAPSHOT_TYP && protectedHeader.kid === receiver.fingerprint;
    return ours ? Buffer.from(payload).toString('utf8') : undefined;
  } catch {
    return undefined;
  }
}

function refuse(
  reason: SnapshotRefusal,
  revision: number | null,
): { kind: 'refused'; reason: SnapshotRefusal; revision: number | null } {
  return { kind: 'refused', reason, revision };
}
