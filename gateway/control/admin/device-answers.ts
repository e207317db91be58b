/** Devices as the dashboard reads them: rows and live state, a page at a time, for there may be ten thousand. */
import type { Device } from '../../contract/admin-api.ts';
import type { DeviceTable } from '../store/database.ts';
import { inPages, PAGE } from '../store/pages.ts';
import type { View } from './answers.ts';

export async function* readDevices({ db, live, now }: View): AsyncGenerator<Device[]> {
  await live.board();
  const query = db
    .selectFrom('devices')
    .innerJoin('peers', 'peers.id', 'devices.id')
    .innerJoin('users', 'users.id', 'devices.userId')
    .selectAll('devices')
    .select(['peers.ipv4', 'peers.ipv6', 'users.email'])
    .orderBy('devices.id')
    .limit(PAGE);
  const pages = inPages((last) => query.where('devices.id', '>', last).execute());
  for await (const page of pages) yield page.map((row) => deviceOf(row, live, now));
}

type Row = DeviceTable & { ipv4: string; ipv6: string; email: string };

function deviceOf(row: Row, live: View['live'], now: number): Device {
  const tunnel = live.tunnel(row.id);
  return {
    id: row.id,
    name: row.name,
    os: row.os,
    clientVersion: row.clientVersion,
    user: { id: row.userId, email: row.email },
    ipv4: row.ipv4,
    ipv6: row.ipv6,
    state: deviceState(row, live, now),
    lastHandshakeAt: tunnel?.lastHandshakeAt ?? null,
    enrolledAt: row.enrolledAt,
    sessionExpiresAt: row.sessionExpiresAt,
    appliedRevision: row.appliedRevision,
    wantedRevision: live.wantedRevision(row.id) ?? row.appliedRevision ?? 0,
    problem: row.problem,
  };
}

type Expiring = Pick<DeviceTable, 'id' | 'sessionExpiresAt'>;

function deviceState(row: Expiring, live: View['live'], now: number): Device['state'] {
  if (row.sessionExpiresAt <= now) return 'expired';
  if (live.tunnel(row.id)?.isUp) return 'connected';
  return live.isStreaming(row.id) ? 'online' : 'offline';
}

export interface DeviceCounts {
  total: number;
  online: number;
  /** Online, with the configuration that they should have. */
  current: number;
}

export async function countDevices({ db, live, now }: View): Promise<DeviceCounts> {
  const query = db
    .selectFrom('devices')
    .select(['id', 'sessionExpiresAt', 'appliedRevision'])
    .orderBy('id')
    .limit(PAGE);
  const counts = { total: 0, online: 0, current: 0 };
  for await (const page of inPages((last) => query.where('id', '>', last).execute())) {
    const online = page.filter((row) =>
      ['connected', 'online'].includes(deviceState(row, live, now)),
    );
    counts.total += page.length;
    counts.online += online.length;
    counts.current += online.filter(({ id, appliedRevision: applied }) => {
      const wanted = live.wantedRevision(id) ?? applied ?? 0;
      return applied !== null && applied >= wanted;
    }).length;
  }
  return counts;
}

export interface RefusingDevice {
  id: string;
  name: string;
  email: string;
  problem: string;
}

/** Those that are signed in and refused what they should have. */
export async function readRefusing({ db, now }: View): Promise<RefusingDevice[]> {
  const rows = await db
    .selectFrom('devices')
    .innerJoin('users', 'users.id', 'devices.userId')
    .select(['devices.id', 'devices.name', 'devices.problem', 'users.email'])
    .where('devices.problem', 'is not', null)
    .where('devices.sessionExpiresAt', '>', now)
    .orderBy('devices.name')
    .execute();
  return rows.map((row) => ({ ...row, problem: row.problem ?? '' }));
}
