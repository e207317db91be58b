/** Snapshots against the pinned organisation: one that arrives, and the last good one of an earlier run. */
import type { DeviceConfig } from '../../../gateway/contract/snapshot.ts';
import { type SnapshotOutcome, verifyDeviceSnapshot } from '../../../gateway/trust/snapshot.ts';
import { keyOf, type Membership } from './membership.ts';

export function verifyNew(
  membership: Membership,
  jws: string,
  revision: number | null,
  now: number,
): Promise<SnapshotOutcome<DeviceConfig>> {
  const { fingerprint, deviceId } = membership;
  return verifyDeviceSnapshot(jws, {
    key: keyOf(membership),
    fingerprint,
    id: deviceId,
    revision,
    now,
  });
}

/** Verified again like a new one; only its age is forgiven, for without a gateway there is no younger one. */
export function verifyStored(
  membership: Membership,
  jws: string,
): Promise<SnapshotOutcome<DeviceConfig>> {
  return verifyNew(membership, jws, null, 0);
}
