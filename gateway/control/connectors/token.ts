/** One-time connector tokens: made for a network, shown once, stored as a hash, used up in the joining transaction (T27). */
import { formatConnectorToken } from '../../contract/trust.ts';
import { Refusal } from '../http/fault.ts';
import type { ConnectorTokenTable, Db, Tx } from '../store/database.ts';
import { hashSecret, newId, newSecret } from '../store/identifier.ts';

export const TOKEN_LIFETIME_SECONDS = 24 * 3600;

export interface NewToken {
  /** `cvt1.…` */
  text: string;
  expiresAt: number;
}

export interface TokenRequest {
  networkId: string;
  createdBy: string;
  now: number;
  lifetimeSeconds: number;
  gateway: string;
  fingerprint: string;
}

export async function makeConnectorToken(tx: Tx, request: TokenRequest): Promise<NewToken> {
  const secret = newSecret();
  const expiresAt = request.now + request.lifetimeSeconds * 1000;
  await tx
    .insertInto('connectorTokens')
    .values({
      id: newId('token'),
      networkId: request.networkId,
      secretHash: hashSecret(secret),
      createdBy: request.createdBy,
      createdAt: request.now,
      expiresAt,
      usedAt: null,
      usedBy: null,
    })
    .execute();
  const { gateway, fingerprint } = request;
  return { text: formatConnectorToken({ gateway, fingerprint, secret }), expiresAt };
}

/**
 * One statement decides, so that of many at once exactly one gets it. Whoever used it before may use it again: its
 * answer may have been lost on the way.
 */
export async function takeConnectorToken(
  tx: Tx,
  secret: string,
  connectorId: string,
  now: number,
): Promise<ConnectorTokenTable> {
  const secretHash = hashSecret(secret);
  const taken = await tx
    .updateTable('connectorTokens')
    .set({ usedAt: now, usedBy: connectorId })
    .where('secretHash', '=', secretHash)
    .where('expiresAt', '>', now)
    .where((row) => row.or([row('usedAt', 'is', null), row('usedBy', '=', connectorId)]))
    .returningAll()
    .executeTakeFirst();
  if (taken) return taken;
  const known = await tx
    .selectFrom('connectorTokens')
    .select(['usedAt', 'expiresAt'])
    .where('secretHash', '=', secretHash)
    .executeTakeFirst();
  throw refusalOf(known);
}

/** Why joining with it would be refused right now; undefined when it would not. */
export async function refusalOfToken(
  db: Db,
  secret: string,
  now: number,
): Promise<Refusal | undefined> {
  const known = await db
    .selectFrom('connectorTokens')
    .select(['usedAt', 'expiresAt'])
    .where('secretHash', '=', hashSecret(secret))
    .executeTakeFirst();
  const isGood = known?.usedAt === null && known.expiresAt > now;
  return isGood ? undefined : refusalOf(known);
}

function refusalOf(known: Pick<ConnectorTokenTable, 'usedAt' | 'expiresAt'> | undefined): Refusal {
  if (!known) {
    return new Refusal(
      403,
      'token-unknown',
      `The gateway does not know this connector token. ${ADVICE}`,
    );
  }
  return known.usedAt === null
    ? new Refusal(403, 'token-expired', `This connector token has expired. ${ADVICE}`)
    : new Refusal(
        403,
        'token-used',
        `This connector token was used before, by another connector. ${ADVICE}`,
      );
}

const ADVICE = 'Copy a new line from the network’s page in the dashboard.';
