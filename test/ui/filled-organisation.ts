/** Fills an organisation as years of use would, through the store's own way to change it. */
import { createHash } from 'node:crypto';
import type { SplitEntry } from '../../gateway/contract/snapshot.ts';
import { ipv4Of, ipv6Of } from '../../gateway/control/store/addresses.ts';
import type { Database, Tx } from '../../gateway/control/store/database.ts';
import type { Store } from '../../gateway/control/store/store.ts';

export interface Filling {
  devices: number;
  people: number;
  networks: number;
  rules: number;
  /** In the default profile's lists, half in each. */
  entries: number;
  /** Changes in the log. */
  changes: number;
}

const HOUR_MS = 3_600_000;
/** SQLite takes 32,766 values a statement. */
const ROWS = 500;
const GROUPS = ['engineering', 'operations', 'sales', 'finance', 'support'];

export async function fill(store: Store, filling: Filling): Promise<void> {
  await store.change({ who: 'gateway', what: 'organisation filled', topics: [] }, async (tx) => {
    await insert(tx, 'users', several(filling.people, personRow));
    await insert(tx, 'userGroups', several(filling.people, groupRow));
    await addDevices(tx, filling);
    await insert(tx, 'networks', several(filling.networks, networkRow));
    await insert(tx, 'ranges', several(filling.networks, rangeRow));
    await insert(tx, 'rules', several(filling.rules, ruleRow(filling)));
    const splitTunnel = JSON.stringify(lists(filling.entries));
    await tx.updateTable('profiles').set({ splitTunnel }).execute();
  });
  for (let at = 0; at < filling.changes; at++) {
    await store.record(
      { who: personRow(at).email, what: 'network renamed', topics: [] },
      async (_tx, note) =>
        note({
          before: { id: 'net_0', name: `site-${at}` },
          after: { id: 'net_0', name: `site-${at + 1}` },
        }),
    );
  }
}

async function addDevices(tx: Tx, { devices, people }: Filling): Promise<void> {
  const { overlayIpv4, overlayIpv6 } = await tx
    .selectFrom('organisations')
    .select(['overlayIpv4', 'overlayIpv6'])
    .executeTakeFirstOrThrow();
  await insert(
    tx,
    'peers',
    several(devices, (at) => ({
      id: `dev_${at}`,
      kind: 'device' as const,
      wireguardKey: createHash('sha256').update(`key ${at}`).digest('base64'),
      identityKey: '{}',
      identityThumbprint: `thumbprint-${at}`,
      host: at + 100,
      ipv4: ipv4Of(overlayIpv4, at + 100),
      ipv6: ipv6Of(overlayIpv6, at + 100),
    })),
  );
  await insert(tx, 'devices', several(devices, deviceRow(people)));
}

function deviceRow(people: number) {
  const now = Date.now();
  return (at: number): Database['devices'] => ({
    id: `dev_${at}`,
    userId: `usr_${at % people}`,
    profileId: null,
    name: `${['laptop', 'desktop', 'build-server'][at % 3]}-${String(at).padStart(5, '0')}`,
    os: 'linux',
    osVersion: 'Debian GNU/Linux 13',
    clientVersion: '0.1.0',
    enrolledAt: now - at * HOUR_MS,
    sessionExpiresAt: now + ((at % 30) - 2) * HOUR_MS,
    appliedRevision: at % 17 === 0 ? null : 2,
    problem:
      at > 0 && at % 997 === 0
        ? 'The list has an address that this device already has at home.'
        : null,
    lastSeenAt: now - at * 1000,
  });
}

function personRow(at: number): Database['users'] {
  return {
    id: `usr_${at}`,
    issuer: 'https://login.example.com',
    subject: String(at),
    email: `person-${String(at).padStart(4, '0')}@example.com`,
    name: `Person ${at}`,
    role: at % 50 === 1 ? 'admin' : 'member',
    createdAt: Date.now() - at * HOUR_MS,
    lastSignInAt: at % 9 === 0 ? null : Date.now() - at * 60_000,
  };
}

function groupRow(at: number): Database['userGroups'] {
  return { userId: `usr_${at}`, name: GROUPS[at % GROUPS.length] ?? 'engineering' };
}

function networkRow(at: number): Database['networks'] {
  return { id: `net_${at}`, name: at === 0 ? 'tokyo-vpc' : `site-${at}`, createdAt: Date.now() };
}

function rangeRow(at: number): Database['ranges'] {
  return {
    networkId: `net_${at}`,
    cidr: at === 0 ? '192.168.0.0/24' : `10.${at % 256}.${Math.floor(at / 256)}.0/24`,
    createdAt: Date.now(),
  };
}

function ruleRow({ networks }: Filling) {
  return (at: number): Database['rules'] => ({
    id: `rul_${at}`,
    number: at + 1,
    name: at === 0 ? 'Engineers' : `Rule ${at + 1}`,
    action: at % 7 === 3 ? 'block' : 'allow',
    subjects: JSON.stringify([{ kind: 'group', name: GROUPS[at % GROUPS.length] }]),
    networkIds: JSON.stringify(networks > 0 ? [`net_${at % networks}`] : []),
    ranges: '[]',
    protocol: 'tcp',
    ports: JSON.stringify([
      { from: 22, to: 22 },
      { from: 8000, to: 8100 },
    ]),
    enabled: at % 11 === 5 ? 0 : 1,
  });
}

function lists(entries: number) {
  const include: SplitEntry[] = several(Math.floor(entries / 2), (at) => ({
    cidr: `172.${16 + (Math.floor(at / 65536) % 16)}.${Math.floor(at / 256) % 256}.${at % 256}/32`,
    ...(at % 10 === 0 ? { note: `Ticket ${at}` } : {}),
  }));
  const exclude: SplitEntry[] = several(Math.ceil(entries / 2), (at) => ({
    domain: `*.service-${at}.example.com`,
  }));
  return { defaultPath: 'direct', include, exclude };
}

async function insert<Table extends keyof Database>(
  tx: Tx,
  table: Table,
  rows: Database[Table][],
): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS) {
    const values = rows.slice(at, at + ROWS) as never;
    await tx.insertInto(table).values(values).execute();
  }
}

function several<Row>(count: number, row: (at: number) => Row): Row[] {
  return Array.from({ length: count }, (_, at) => row(at));
}
