/** What a connector is installed with, and its removal. */
import type { FastifyRequest } from 'fastify';
import type { ConnectorInstall } from '../../contract/admin-api.ts';
import { said } from '../../contract/said.ts';
import { CONNECTOR_OWNER } from '../connectors/join.ts';
import { makeConnectorToken, TOKEN_LIFETIME_SECONDS } from '../connectors/token.ts';
import { Refusal } from '../http/fault.ts';
import { installCommand } from '../install/command.ts';
import { removePeer } from '../store/peers.ts';
import { type AdminParts, whoOf } from './admin-parts.ts';
import { networkRow } from './network-changes.ts';

export async function makeInstall(
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

export async function deleteConnector(
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
