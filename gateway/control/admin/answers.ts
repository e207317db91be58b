/** Rows and live state → what the dashboard reads. */
import type { Connector, Device, Network, Person, Profile } from '../../contract/admin-api.ts';
import { type Said, said, several } from '../../contract/said.ts';
import type { PolicyState } from '../policy/policy-state.ts';
import { hiddenProblem, rangeProblem } from '../policy/range-problems.ts';
import { ConnectorHealth } from '../push/connector-health.ts';
import type { Live } from '../push/live.ts';
import type { Db } from '../store/database.ts';

export interface View {
  db: Db;
  live: Live;
  now: number;
}

export async function readConnectors({ db, live }: View): Promise<Connector[]> {
  const rows = await db
    .selectFrom('connectors')
    .selectAll()
    .orderBy('name')
    .orderBy('id')
    .execute();
  return rows.map((row) => {
    const health = ConnectorHealth.of(row.health);
    const isStreaming = live.isStreaming(row.id);
    const isUp = live.tunnel(row.id)?.isUp ?? false;
    return {
      id: row.id,
      name: row.name,
      networkId: row.networkId,
      version: row.version,
      state: isStreaming && isUp ? 'online' : isStreaming || isUp ? 'degraded' : 'offline',
      note: connectorNote(isStreaming, isUp, health, row.problem),
      lastSeenAt: row.lastSeenAt,
      joinedAt: row.joinedAt,
      appliedRevision: row.appliedRevision,
      suggestions: [...health.suggestions],
    };
  });
}

function connectorNote(
  isStreaming: boolean,
  isUp: boolean,
  health: ConnectorHealth,
  problem: string | null,
): Said | null {
  if (!isStreaming && !isUp) return said('connector-silent');
  if (!isUp) return said('connector-no-tunnel');
  if (!isStreaming) return said('connector-no-stream');
  if (problem !== null) return said('connector-refused', { reason: problem });
  if (health.unreachable.length > 0)
    return said('connector-reaches-not', { ranges: several(health.unreachable) });
  return health.canPing ? null : said('connector-no-ping');
}

export function networkAnswers(
  state: PolicyState,
  connectors: readonly Connector[],
  createdAt: ReadonlyMap<string, number>,
): Network[] {
  return state.networks.map((network) => ({
    id: network.id,
    name: network.name,
    createdAt: createdAt.get(network.id) ?? 0,
    ranges: network.ranges.map((cidr) => ({
      cidr,
      problem:
        hiddenProblem(cidr, network, state.profiles) ??
        rangeProblem(cidr, network, state.networks, state.organisation.overlay),
    })),
    connectors: connectors.filter(({ networkId }) => networkId === network.id),
    ruleIds: state.rules
      .filter(({ networkIds }) => networkIds.length === 0 || networkIds.includes(network.id))
      .map(({ id }) => id),
  }));
}

export async function readNetworks(view: View): Promise<Network[]> {
  const { state } = await view.live.board();
  const rows = await view.db.selectFrom('networks').select(['id', 'createdAt']).execute();
  const createdAt = new Map(rows.map((row) => [row.id, row.createdAt]));
  const all = networkAnswers(state, await readConnectors(view), createdAt);
  return all.sort((left, right) => left.name.localeCompare(right.name));
}

export async function readDevices({ db, live, now }: View): Promise<Device[]> {
  await live.board();
  const rows = await db
    .selectFrom('devices')
    .innerJoin('peers', 'peers.id', 'devices.id')
    .innerJoin('users', 'users.id', 'devices.userId')
    .selectAll('devices')
    .select(['peers.ipv4', 'peers.ipv6', 'users.email'])
    .orderBy('devices.name')
    .orderBy('devices.id')
    .execute();
  return rows.map((row) => {
    const tunnel = live.tunnel(row.id);
    const wanted = live.wantedRevision(row.id);
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
      wantedRevision: wanted ?? row.appliedRevision ?? 0,
      problem: row.problem,
    };
  });
}

function deviceState(
  row: { id: string; sessionExpiresAt: number },
  live: Live,
  now: number,
): Device['state'] {
  if (row.sessionExpiresAt <= now) return 'expired';
  if (live.tunnel(row.id)?.isUp) return 'connected';
  return live.isStreaming(row.id) ? 'online' : 'offline';
}

export async function readPeople(db: Db): Promise<Person[]> {
  const rows = await db.selectFrom('users').selectAll().orderBy('email').orderBy('id').execute();
  const devices = await db
    .selectFrom('devices')
    .select((row) => ['userId', row.fn.countAll<number>().as('count')])
    .groupBy('userId')
    .execute();
  const counts = new Map(devices.map(({ userId, count }) => [userId, Number(count)]));
  const groups = Map.groupBy(
    await db.selectFrom('userGroups').selectAll().orderBy('name').execute(),
    ({ userId }) => userId,
  );
  return rows.map((row) => ({
    id: row.id,
    email: row.email,
    name: row.name,
    role: row.role,
    groups: (groups.get(row.id) ?? []).map(({ name }) => name),
    deviceCount: counts.get(row.id) ?? 0,
    lastSignInAt: row.lastSignInAt,
  }));
}

export function profileAnswers(state: PolicyState): Profile[] {
  const isOwn = new Set(state.profiles.map(({ id }) => id));
  return state.profiles.map((profile) => ({
    ...profile,
    deviceCount: state.devices.filter(({ profileId }) =>
      profileId !== null && isOwn.has(profileId) ? profileId === profile.id : profile.isDefault,
    ).length,
  }));
}
