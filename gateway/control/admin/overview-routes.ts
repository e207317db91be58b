/** Is anything broken, who is on, what changed. And the log of what changed, whole. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AuditEntry, type Network, Overview } from '../../contract/admin-api.ts';
import { type Said, said } from '../../contract/said.ts';
import { ADMIN_ROOT } from '../http/admin-access.ts';
import type { Db } from '../store/database.ts';
import type { AdminParts } from './admin-parts.ts';
import { readNetworks } from './answers.ts';
import { countDevices, type RefusingDevice, readRefusing } from './device-answers.ts';

const RECENT = 20;
const PAGE = 100;
const Before = z.object({ before: z.coerce.number().int().positive().optional() });

export function registerOverview(app: FastifyInstance, parts: AdminParts): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(`${ADMIN_ROOT}/overview`, { schema: { response: { 200: Overview } } }, () =>
    overview(parts),
  );
  typed.get(
    `${ADMIN_ROOT}/audit`,
    { schema: { querystring: Before, response: { 200: z.array(AuditEntry) } } },
    (request) => readAudit(parts.store.db, PAGE, request.query.before),
  );
}

async function overview({ store, live }: AdminParts): Promise<Overview> {
  const view = { db: store.db, live, now: store.clock() };
  const networks = await readNetworks(view);
  const connectors = networks.flatMap((network) => network.connectors);
  const { count } = await store.db
    .selectFrom('users')
    .select((row) => row.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return {
    revision: await store.revision(),
    devices: await countDevices(view),
    people: Number(count),
    networks: networks.length,
    connectors: {
      total: connectors.length,
      online: connectors.filter(({ state }) => state === 'online').length,
    },
    problems: [
      ...engineProblems(live),
      ...networks.flatMap(networkProblems),
      ...(await readRefusing(view)).map(refusalProblem),
    ],
    recent: (await readAudit(store.db, RECENT)).map(({ at, who, what }) => ({ at, who, what })),
    traffic: [...(live.dataPlane?.traffic ?? [])],
  };
}

type Problem = Overview['problems'][number];

function engineProblems({ dataPlane }: AdminParts['live']): Problem[] {
  if (!dataPlane) return [];
  const { state, refusal } = dataPlane;
  if (state.kind === 'failed') return [ofGateway(said('engine-down', { reason: state.reason }))];
  return refusal === null ? [] : [ofGateway(said('engine-refuses', { reason: refusal }))];
}

function ofGateway(says: Said): Problem {
  return { about: null, says, link: '/' };
}

function networkProblems(network: Network): Problem[] {
  const { id, name, ranges } = network;
  const link = `/networks/${id}`;
  const ofNetwork = [
    ...ranges.flatMap(({ problem }) => (problem === null ? [] : [problem])),
    ...missing(network),
  ];
  return [
    ...ofNetwork.map((says) => ({ about: name, says, link })),
    ...connectorProblems(network).map((problem) => ({ ...problem, link })),
  ];
}

/** A new network refuses everybody; once it is otherwise complete, somebody may be waiting for its rule. */
function missing({ ranges, connectors, ruleIds }: Network): Said[] {
  if (connectors.length === 0) return [said('network-no-connector')];
  const isAway = connectors.every(({ state }) => state === 'offline');
  return [
    ...(isAway ? [said('network-unreachable')] : []),
    ...(ranges.length > 0 && ruleIds.length === 0 ? [said('network-no-rule')] : []),
  ];
}

function connectorProblems({ name, connectors }: Network): Omit<Problem, 'link'>[] {
  if (connectors.every(({ state }) => state === 'offline')) return [];
  return connectors.flatMap((connector) =>
    connector.state === 'online' || connector.note === null
      ? []
      : [{ about: `${name} / ${connector.name}`, says: connector.note }],
  );
}

function refusalProblem({ id, name, email, problem: reason }: RefusingDevice): Problem {
  return {
    about: name,
    says: said('device-refused', { person: email, reason }),
    link: `/devices/${id}`,
  };
}

/** Newest first. */
async function readAudit(db: Db, limit: number, before?: number): Promise<AuditEntry[]> {
  const query = db.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(limit);
  const rows = await (before === undefined ? query : query.where('id', '<', before)).execute();
  return rows.map((row) => ({
    id: row.id,
    at: row.at,
    who: row.who,
    what: row.what,
    before: JSON.parse(row.before) as unknown,
    after: JSON.parse(row.after) as unknown,
  }));
}
