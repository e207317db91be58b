/** The gateway's half of `culvert why`: what the engine would do with a device's packet, with everybody's names. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { ExplainAnswer, ExplainRequest } from '../../contract/device-api.ts';
import type { ExplainResult } from '../../dataplane/protocol/engine-protocol.ts';
import type { Proofs } from '../enrol/proof.ts';
import { Refusal } from '../http/fault.ts';
import type { GatewayFacts, PolicyState } from '../policy/policy-state.ts';
import type { Db } from '../store/database.ts';
import type { Live } from './live.ts';

export interface ExplainParts {
  proofs: Proofs;
  live: Live;
  facts: GatewayFacts;
  db: Db;
}

export function registerExplain(app: FastifyInstance, parts: ExplainParts): void {
  const options = { schema: { body: ExplainRequest, response: { 200: ExplainAnswer } } };
  app.withTypeProvider<ZodTypeProvider>().post('/v1/device/explain', options, async (request) => {
    const { id } = await parts.proofs.peerOf(request, 'device');
    return explain(parts, id, request.body);
  });
}

async function explain(parts: ExplainParts, deviceId: string, question: ExplainRequest) {
  const { destination, protocol, port } = question;
  const asked = { deviceId, destination, protocol, ...(port === undefined ? {} : { port }) };
  const result = await parts.live.dataPlane?.explain(asked);
  if (!result) {
    throw new Refusal(
      503,
      'engine-away',
      'The gateway’s engine cannot say yet. Ask again in a moment.',
    );
  }
  const { state } = await parts.live.board();
  const { id, name } = parts.facts.peer;
  const { contact } = state.organisation;
  return {
    gateway: { id, name, lastHandshakeAt: parts.live.tunnel(deviceId)?.lastHandshakeAt ?? null },
    network: networkOf(result, state),
    connector: await connectorOf(result, state, parts),
    rule: ruleOf(result, state),
    verdict: result.verdict,
    ...(contact ? { contact } : {}),
  };
}

function networkOf({ networkId, range }: ExplainResult, state: PolicyState) {
  const network = state.networks.find(({ id }) => id === networkId);
  return network && range !== null ? { id: network.id, name: network.name, range } : null;
}

/** The one that carries it; where none is healthy, the first of the network, so that its name can be said. */
async function connectorOf(result: ExplainResult, state: PolicyState, { live, db }: ExplainParts) {
  const all = state.connectors.filter(({ networkId }) => networkId === result.networkId);
  const chosen = all.find(({ id }) => id === result.connectorId) ?? all[0];
  if (!chosen) return null;
  const row = await db
    .selectFrom('connectors')
    .select('name')
    .where('id', '=', chosen.id)
    .executeTakeFirst();
  const healthy = all.filter((one) => !one.reachesNothing && live.tunnel(one.id)?.isUp).length;
  return { id: chosen.id, name: row?.name ?? chosen.id, healthy, total: all.length };
}

function ruleOf({ ruleId }: ExplainResult, state: PolicyState) {
  const rule = state.rules.find(({ id }) => id === ruleId);
  return rule ? { id: rule.id, name: rule.name, number: rule.number, action: rule.action } : null;
}
