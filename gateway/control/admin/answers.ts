/** Rows and live state → what the dashboard reads. */
import type { Connector, Network, Person, Profile } from '../../contract/admin-api.ts';
import { type Said, said, several } from '../../contract/said.ts';
import type { PolicyState } from '../policy/policy-state.ts';
import { type RangeNotes, rangeNotes } from '../policy/range-notes.ts';
import { ConnectorHealth } from '../push/connector-health.ts';
import type { Live } from '../push/live.ts';
import { inSlices } from '../push/slices.ts';
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

export async function readNetworks(view: View): Promise<Network[]> {
  const { state } = await view.live.board();
  const [notes, connectors] = [await notesOf(state), await readConnectors(view)];
  const rows = await view.db.selectFrom('networks').select(['id', 'createdAt']).execute();
  const createdAt = new Map(rows.map((row) => [row.id, row.createdAt]));
  const all = state.networks.map((network) => ({
    id: network.id,
    name: network.name,
    createdAt: createdAt.get(network.id) ?? 0,
    ranges: network.ranges.map((cidr) => ({
      cidr,
      problem: notes.get(network)?.get(cidr) ?? null,
    })),
    connectors: connectors.filter(({ networkId }) => networkId === network.id),
    ruleIds: state.rules
      .filter(({ networkIds }) => networkIds.length === 0 || networkIds.includes(network.id))
      .map(({ id }) => id),
  }));
  return all.sort((left, right) => left.name.localeCompare(right.name));
}

/** Made once for each state of networks and profiles: every page that opens asks. */
function notesOf({ networks, profiles, organisation }: PolicyState): Promise<RangeNotes> {
  const known = lastNotes.get(networks);
  if (known?.profiles === profiles) return known.notes;
  const { overlay } = organisation;
  const notes = inSlices(rangeNotes({ networks, profiles, overlay }));
  lastNotes.set(networks, { profiles, notes });
  return notes;
}

const lastNotes = new WeakMap<
  PolicyState['networks'],
  { profiles: PolicyState['profiles']; notes: Promise<RangeNotes> }
>();

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
