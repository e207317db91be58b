/** Networks, their ranges, and what a connector is installed with. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  ConnectorInstall,
  ConnectorTokenInput,
  Network,
  NetworkInput,
  RangeInput,
  Removal,
  RemovalInput,
} from '../../contract/admin-api.ts';
import { cidr, printCidr } from '../../contract/net/prefix.ts';
import { said } from '../../contract/said.ts';
import { CONNECTOR_OWNER } from '../connectors/join.ts';
import { makeConnectorToken, TOKEN_LIFETIME_SECONDS } from '../connectors/token.ts';
import { readOrganisation } from '../enrol/organisation.ts';
import { ADMIN_ROOT } from '../http/admin-access.ts';
import { Refusal } from '../http/fault.ts';
import { installCommand } from '../install/command.ts';
import { refuseRange } from '../policy/range-refusal.ts';
import { removalEffects } from '../policy/removal-effects.ts';
import type { NetworkTable, Tx } from '../store/database.ts';
import { newId } from '../store/identifier.ts';
import { removePeer } from '../store/peers.ts';
import { type AdminParts, whoOf } from './admin-parts.ts';
import { readNetworks } from './answers.ts';
import { forgetNetwork } from './rule-rows.ts';

const ById = z.object({ id: z.string().max(64) });
const RangeQuery = RangeInput;

export function registerNetworks(app: FastifyInstance, parts: AdminParts): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const one = { params: ById, response: { 200: Network } };
  const root = `${ADMIN_ROOT}/networks`;

  typed.get(root, { schema: { response: { 200: z.array(Network) } } }, () => all(parts));
  typed.post(
    root,
    { schema: { body: NetworkInput, response: { 200: Network } } },
    async (request) => answer(parts, await createNetwork(parts, request, request.body.name)),
  );
  typed.get(`${root}/:id`, { schema: one }, (request) => answer(parts, request.params.id));
  typed.patch(`${root}/:id`, { schema: { ...one, body: NetworkInput } }, async (request) => {
    await renameNetwork(parts, request, request.params.id, request.body.name);
    return answer(parts, request.params.id);
  });
  typed.delete(
    `${root}/:id`,
    { schema: { params: ById, response: { 204: z.null() } } },
    async (request, reply) => {
      await deleteNetwork(parts, request, request.params.id);
      return reply.status(204).send(null);
    },
  );
  typed.post(`${root}/:id/ranges`, { schema: { ...one, body: RangeInput } }, async (request) => {
    await addRange(parts, request, request.params.id, request.body.cidr);
    return answer(parts, request.params.id);
  });
  typed.delete(
    `${root}/:id/ranges`,
    { schema: { ...one, querystring: RangeQuery } },
    async (request) => {
      await removeRange(parts, request, request.params.id, request.query.cidr);
      return answer(parts, request.params.id);
    },
  );
  typed.post(
    `${root}/:id/removal`,
    { schema: { params: ById, body: RemovalInput.default({}), response: { 200: Removal } } },
    (request) => previewRemoval(parts, request.params.id, request.body.cidr),
  );
  typed.post(
    `${root}/:id/connector-token`,
    {
      schema: {
        params: ById,
        body: ConnectorTokenInput.default({}),
        response: { 200: ConnectorInstall },
      },
    },
    (request) => makeInstall(parts, request, request.params.id, request.body.expiresInSeconds),
  );
  typed.delete(
    `${ADMIN_ROOT}/connectors/:id`,
    { schema: { params: ById, response: { 204: z.null() } } },
    async (request, reply) => {
      await deleteConnector(parts, request, request.params.id);
      return reply.status(204).send(null);
    },
  );
}

function all({ store, live }: AdminParts): Promise<Network[]> {
  return readNetworks({ db: store.db, live, now: store.clock() });
}

async function answer(parts: AdminParts, id: string): Promise<Network> {
  const network = (await all(parts)).find((one) => one.id === id);
  if (!network) throw unknownNetwork();
  return network;
}

async function createNetwork(
  { store, ...parts }: AdminParts,
  request: FastifyRequest,
  name: string,
): Promise<string> {
  const id = newId('network');
  const intent = {
    who: whoOf({ store, ...parts }, request),
    what: 'network created',
    topics: ['networks' as const],
  };
  await store.change(intent, async (tx, note) => {
    await assertFreeName(tx, name, id);
    await tx.insertInto('networks').values({ id, name, createdAt: store.clock() }).execute();
    note({ after: { id, name } });
  });
  return id;
}

async function renameNetwork(
  parts: AdminParts,
  request: FastifyRequest,
  id: string,
  name: string,
): Promise<void> {
  const intent = {
    who: whoOf(parts, request),
    what: 'network renamed',
    topics: ['networks' as const],
  };
  await parts.store.change(intent, async (tx, note) => {
    const before = await networkRow(tx, id);
    await assertFreeName(tx, name, id);
    await tx.updateTable('networks').set({ name }).where('id', '=', id).execute();
    note({ before: { id, name: before.name }, after: { id, name } });
  });
}

/** Its connectors go with it, and no rule that named it alone may be left to mean every network. */
async function deleteNetwork(
  parts: AdminParts,
  request: FastifyRequest,
  id: string,
): Promise<void> {
  const topics = ['networks', 'connectors', 'rules'] as const;
  const intent = { who: whoOf(parts, request), what: 'network deleted', topics: [...topics] };
  await parts.store.change(intent, async (tx, note) => {
    const before = await networkRow(tx, id);
    const connectors = await tx
      .selectFrom('connectors')
      .select('id')
      .where('networkId', '=', id)
      .execute();
    for (const connector of connectors) await removePeer(tx, connector.id, CONNECTOR_OWNER);
    const rules = await forgetNetwork(tx, id);
    await tx.deleteFrom('networks').where('id', '=', id).execute();
    note({ before: { id, name: before.name, connectors: connectors.length, rules } });
  });
}

async function addRange(
  parts: AdminParts,
  request: FastifyRequest,
  id: string,
  text: string,
): Promise<void> {
  const range = cidr(text);
  const intent = { who: whoOf(parts, request), what: 'range added', topics: ['networks' as const] };
  await parts.store.change(intent, async (tx, note) => {
    const network = await networkRow(tx, id);
    const rows = await tx.selectFrom('ranges').select('cidr').where('networkId', '=', id).execute();
    const { overlayIpv4, overlayIpv6 } = await readOrganisation(tx);
    const known = { ...network, ranges: rows.map((row) => row.cidr) };
    const problem = refuseRange(range, known, [overlayIpv4, overlayIpv6]);
    if (problem) throw Refusal.saying(409, problem, 'cidr');
    const values = { networkId: id, cidr: printCidr(range), createdAt: parts.store.clock() };
    await tx.insertInto('ranges').values(values).execute();
    note({ after: { network: network.name, cidr: values.cidr } });
  });
}

async function removeRange(
  parts: AdminParts,
  request: FastifyRequest,
  id: string,
  text: string,
): Promise<void> {
  const canonical = printCidr(cidr(text));
  const intent = {
    who: whoOf(parts, request),
    what: 'range removed',
    topics: ['networks' as const],
  };
  await parts.store.change(intent, async (tx, note) => {
    const network = await networkRow(tx, id);
    const gone = await tx
      .deleteFrom('ranges')
      .where('networkId', '=', id)
      .where('cidr', '=', canonical)
      .returning('cidr')
      .executeTakeFirst();
    if (!gone)
      throw Refusal.saying(
        404,
        said('range-unknown', { range: canonical, network: network.name }),
        'cidr',
      );
    note({ before: { network: network.name, cidr: canonical } });
  });
}

async function previewRemoval(
  { store, live }: AdminParts,
  id: string,
  text: string | undefined,
): Promise<Removal> {
  const { state, reach } = await live.board();
  const network = state.networks.find((one) => one.id === id);
  if (!network) throw unknownNetwork();
  const connectors = await store.db
    .selectFrom('connectors')
    .select('name')
    .where('networkId', '=', id)
    .orderBy('name')
    .execute();
  const range = text === undefined ? undefined : printCidr(cidr(text));
  const names = connectors.map(({ name }) => name);
  const removal = { network, range, connectors: names, now: store.clock() };
  return { effects: removalEffects(state, reach, removal) };
}

async function makeInstall(
  parts: AdminParts,
  request: FastifyRequest,
  id: string,
  lifetimeSeconds = TOKEN_LIFETIME_SECONDS,
): Promise<ConnectorInstall> {
  const { store, trust, configuration, tls } = parts;
  const who = whoOf(parts, request);
  const token = await store.change(
    { who, what: 'connector token made', topics: [] },
    async (tx, note) => {
      const network = await networkRow(tx, id);
      note({ after: { network: network.name, lifetimeSeconds } });
      return makeConnectorToken(tx, {
        networkId: id,
        createdBy: who,
        now: store.clock(),
        lifetimeSeconds,
        gateway: configuration.publicUrl,
        fingerprint: trust.fingerprint,
      });
    },
  );
  const command = installCommand(configuration.publicUrl, tls, token.text);
  return { command, token: token.text, expiresAt: token.expiresAt };
}

async function deleteConnector(
  parts: AdminParts,
  request: FastifyRequest,
  id: string,
): Promise<void> {
  const topics = ['connectors', 'networks'] as const;
  const intent = { who: whoOf(parts, request), what: 'connector removed', topics: [...topics] };
  await parts.store.change(intent, async (tx, note) => {
    const row = await tx
      .selectFrom('connectors')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
    if (!row) throw Refusal.saying(404, said('connector-unknown'));
    await removePeer(tx, id, CONNECTOR_OWNER);
    note({ before: { id, name: row.name, networkId: row.networkId } });
  });
}

async function networkRow(tx: Tx, id: string): Promise<NetworkTable> {
  const row = await tx.selectFrom('networks').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw unknownNetwork();
  return row;
}

async function assertFreeName(tx: Tx, name: string, id: string): Promise<void> {
  const twin = await tx
    .selectFrom('networks')
    .select('id')
    .where('name', '=', name)
    .where('id', '!=', id)
    .executeTakeFirst();
  if (twin) throw Refusal.saying(409, said('name-taken', { name }), 'name');
}

function unknownNetwork(): Refusal {
  return Refusal.saying(404, said('network-unknown'));
}
