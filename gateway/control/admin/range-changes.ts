/** Ranges of a network: added, removed, and what a removal would do. */
import type { FastifyRequest } from 'fastify';
import type { Removal } from '../../contract/admin-api.ts';
import { cidr, printCidr } from '../../contract/net/prefix.ts';
import { said } from '../../contract/said.ts';
import { readOrganisation } from '../enrol/organisation.ts';
import { Refusal } from '../http/fault.ts';
import { refuseRange } from '../policy/range-refusal.ts';
import { removalEffects } from '../policy/removal-effects.ts';
import { type AdminParts, whoOf } from './admin-parts.ts';
import { networkRow, unknownNetwork } from './network-changes.ts';

export async function addRange(
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

export async function removeRange(
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

export async function previewRemoval(
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
