/** Reads everything that `compile` needs in one go. Columns that did not change since are not parsed again. */
import { z } from 'zod';
import { PortRange, Subject } from '../../contract/admin-api.ts';
import { Cidr } from '../../contract/net/text.ts';
import { SplitTunnel } from '../../contract/snapshot.ts';
import { readOrganisation } from '../enrol/organisation.ts';
import type { PolicyConnector, PolicyState, PolicyUser } from '../policy/policy-state.ts';
import type { Db, RuleTable, Tx } from '../store/database.ts';
import { readJson } from '../store/json-column.ts';
import { ConnectorHealth } from './connector-health.ts';

const Subjects = z.array(Subject);
const Ids = z.array(z.string());
const Cidrs = z.array(Cidr);
const Ports = z.array(PortRange);

export async function readPolicy(db: Db | Tx): Promise<PolicyState> {
  const organisation = await readOrganisation(db);
  return {
    revision: await readRevision(db),
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
  const rows = await db.selectFrom('users').select(['id', 'email', 'name']).execute();
  const groups = Map.groupBy(
    await db.selectFrom('userGroups').selectAll().execute(),
    (row) => row.userId,
  );
  return new Map(
    rows.map((user) => [
      user.id,
      { ...user, groups: (groups.get(user.id) ?? []).map(({ name }) => name) },
    ]),
  );
}

function readDevices(db: Db | Tx) {
  return db
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
    .execute();
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
  if (splits.size >= SPLITS_KEPT) splits.clear();
  splits.set(text, split);
  return split;
}
