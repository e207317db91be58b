/** Networks, their ranges, and what a connector is installed with. */
import type { FastifyInstance } from 'fastify';
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
import { ADMIN_ROOT } from '../http/admin-access.ts';
import type { AdminParts } from './admin-parts.ts';
import { readNetworks } from './answers.ts';
import { deleteConnector, makeInstall } from './connector-changes.ts';
import { createNetwork, deleteNetwork, renameNetwork, unknownNetwork } from './network-changes.ts';
import { addRange, previewRemoval, removeRange } from './range-changes.ts';

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
