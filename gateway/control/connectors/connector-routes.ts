/** A connector's first two calls. Its stream is in push/. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { JoinAnswer, JoinRequest } from '../../contract/connector-api.ts';
import { KeyChallenge } from '../../contract/proof.ts';
import type { Gateway } from '../gateway.ts';
import { perMinute } from '../http/app.ts';
import { joinConnector } from './join.ts';

export type ConnectorParts = Pick<Gateway, 'store' | 'keyChallenges' | 'proofs' | 'snapshots'>;

export function registerConnectors(app: FastifyInstance, parts: ConnectorParts): void {
  const { store, keyChallenges, proofs, snapshots } = parts;
  const typed = app.withTypeProvider<ZodTypeProvider>();

  typed.post(
    '/v1/connectors/challenge',
    { config: perMinute(120), schema: { response: { 200: KeyChallenge } } },
    () => keyChallenges.issue(),
  );

  typed.post(
    '/v1/connectors/join',
    { config: perMinute(120), schema: { body: JoinRequest, response: { 200: JoinAnswer } } },
    async (request) => {
      const key = await proofs.keyOf(request);
      const connectorId = await joinConnector(store, keyChallenges, key, request.body);
      return { connectorId, snapshot: await snapshots.forConnector(connectorId) };
    },
  );
}
