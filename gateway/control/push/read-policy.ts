/** Reads everything that `compile` needs. Columns that did not change since are not parsed again. */
import { z } from 'zod';
import { PortRange, Subject } from '../../contract/admin-api.ts';
import { Cidr } from '../../contract/net/text.ts';
import { SplitTunnel } from '../../contract/snapshot.ts';
import { readOrganisation } from '../enrol/organisation.ts';
import type {
  PolicyConnector,
  PolicyDevice,
  PolicyState,
  PolicyUser,
} from '../policy/policy-state.ts';
import type { Db, RuleTable, Tx } from '../store/database.ts';
import { readJson } from '../store/json-column.ts';
import { inPages, PAGE } from '../store/pages.ts';
import { ConnectorHealth } from './connector-health.ts';
import { reused, reusedList, reusedMap } from './reused.ts';

const Subjects = z.array(Subject);
const Ids = z.array(z.string());
const Cidrs = z.array(Cidr);
const Ports = z.array(PortRange);

/**
 * In slices, for there may be thousands of devices and people. What did not change keeps the object that it had in `before`, so
 * that whoever compiled it needs not do so again.
 */
export async function readPolicy(db: Db | Tx, before?: PolicyState): Promise<PolicyState> {
  for (let attempt = 1; ; attempt += 1) {
    const revision = await readRevision(db);
    const state = reuse(await readAll(db, revision), before);
    // Somebody changed something between two slices: parts of it may be in here, and the rest has to be too.
    if (attempt === MOST_ATTEMPTS || (await readRevision(db)) === revision) return state;
  }
}

/** Under steady changes the next run, which they ask for, is early enough. */
const MOST_ATTEMPTS = 3;

async function readAll(db: Db | Tx, revision: number): Promise<PolicyState> {
  const organisation = await readOrganisation(db);
  return {
    revision,
    organisation: {
      id: organisation.id,
      name: organisation.name,
      overlay: [organisation.overlayIpv4, organisation.overlayIpv6],
      contact: organisation.contact,
    },
    users: await readUsers(db),
    devices: await readDevices(db),
    networks: await readNetworks(db),
    connectors: await readConnectors(db),
    rules: (await db.selectFrom('rules').selectAll().orderBy('number').orderBy('id').execute()).map(
      ruleOf,
    ),
    profiles: await readProfiles(db),
  };
}

function reuse(now: PolicyState, before: PolicyState | undefined): PolicyState {
  if (!before) return now;
  return {
    revision: now.revision,
    organisation: reused(now.organisation, before.organisation),
    users: reusedMap(now.users, before.users),
    devices: reusedList(now.devices, before.devices),
    networks: reusedList(now.networks, before.networks),
    connectors: reusedList(now.connectors, before.connectors),
    rules: reusedList(now.rules, before.rules),
    profiles: reusedList(now.profiles, before.profiles),
  };
}

export function ruleOf(row: RuleTable) {
  return {
    id: row.id,
    number: row.number,
    name: row.name,
    action: row.action,
    subjects: readJson(Subjects, row.subjects, 'rules.subjects'),
    networkIds: readJson(Ids, row.networkIds, 'rules.network_ids'),
    ranges: readJson(Cidrs, row.ranges, 'rules.ranges'),
    protocol: row.protocol,
    ports: readJson(Ports, row.ports, 'rules.ports'),
    enabled: row.enabled === 1,
  };
}

async function readRevision(db: Db | Tx): Promise<number> {
  const counters = db.selectFrom('counters').select('value').where('name', '=', 'revision');
  return Number((await counters.executeTakeFirstOrThrow()).value);
}

async function readUsers(db: Db | Tx): Promise<Map<string, PolicyUser>> {
  const groups = await readGroups(db);
  const users = new Map<string, PolicyUser>();
  const query = db.selectFrom('users').select(['id', 'email', 'name']).orderBy('id').limit(PAGE);
  const pages = inPages((last) => query.where('id', '>', last).execute());
  for await (const page of pages) {
    for (const user of page) users.set(user.id, { ...user, groups: groups.get(user.id) ?? [] });
  }
  return users;
}

async function readGroups(db: Db | Tx): Promise<Map<string, string[]>> {
  const rows = await db.selectFrom('userGroups').selectAll().orderBy('name').execute();
  const groups = new Map<string, string[]>();
  for (const { userId, name } of rows) {
    const known = groups.get(userId);
    if (known) known.push(name);
    else groups.set(userId, [name]);
  }
  return groups;
}

async function readDevices(db: Db | Tx): Promise<PolicyDevice[]> {
  const query = db
    .selectFrom('devices')
    .innerJoin('peers', 'peers.id', 'devices.id')
    .select([
      'devices.id',
      'devices.userId',
      'devices.profileId',
      'devices.sessionExpiresAt',
      'peers.wireguardKey',
      'peers.ipv4',
      'peers.ipv6',
    ])
    .orderBy('devices.id')
    .limit(PAGE);
  const devices: PolicyDevice[] = [];
  const pages = inPages((last) => query.where('devices.id', '>', last).execute());
  for await (const page of pages) devices.push(...page);
  return devices;
}

async function readNetworks(db: Db | Tx) {
  const rows = await db.selectFrom('networks').select(['id', 'name']).orderBy('id').execute();
  const ranges = Map.groupBy(
    await db.selectFrom('ranges').select(['networkId', 'cidr']).orderBy('cidr').execute(),
    (row) => row.networkId,
  );
  return rows.map((network) => ({
    ...network,
    ranges: (ranges.get(network.id) ?? []).map(({ cidr }) => cidr),
  }));
}

async function readConnectors(db: Db | Tx): Promise<PolicyConnector[]> {
  const rows = await db
    .selectFrom('connectors')
    .innerJoin('peers', 'peers.id', 'connectors.id')
    .select([
      'connectors.id',
      'connectors.networkId',
      'connectors.health',
      'peers.wireguardKey',
      'peers.ipv4',
      'peers.ipv6',
    ])
    .orderBy('connectors.id')
    .execute();
  return rows.map(({ health, ...connector }) => ({
    ...connector,
    reachesNothing: ConnectorHealth.of(health).reachesNothing,
  }));
}

async function readProfiles(db: Db | Tx) {
  const rows = await db.selectFrom('profiles').selectAll().orderBy('id').execute();
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    isDefault: row.isDefault === 1,
    splitTunnel: splitOf(row.splitTunnel),
  }));
}

const splits = new Map<string, SplitTunnel>();
const SPLITS_KEPT = 64;

/** Lists are long and change seldom, and the same object again lets its hash be kept too. */
export function splitOf(text: string): SplitTunnel {
  const known = splits.get(text);
  if (known) return known;
  const split = readJson(SplitTunnel, text, 'profiles.split_tunnel');
  rememberSplit(text, split);
  return split;
}

/** For whoever has both already. */
export function rememberSplit(text: string, split: SplitTunnel): void {
  if (splits.size >= SPLITS_KEPT) splits.clear();
  splits.set(text, split);
}
