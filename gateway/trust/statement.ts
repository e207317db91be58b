/**
 * First contact (T41): fetch the organisation's signed statement and hold three things against each other: the key
 * against the fingerprint that came with the link or token, the signature against the key, and the TLS key that answers
 * against the statement. Only then is anything secret sent.
 */
import { createHash, createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { Agent } from 'node:https';
import { compactVerify } from 'jose';
import { TRUST_PATH, TRUST_TYP, TrustStatement } from '../contract/trust.ts';
import { callGateway, type GatewayAnswer, parseJson } from './gateway-call.ts';
import { networkReason } from './network-error.ts';
import { tlsPinOf } from './tls-pin.ts';

export interface Trust {
  statement: TrustStatement;
  fingerprint: string;
  /** The organisation's public key: snapshots verify against it. */
  key: KeyObject;
}

export type TrustOutcome =
  | { kind: 'trusted'; trust: Trust }
  | { kind: 'unreachable'; message: string }
  | { kind: 'refused'; reason: TrustRefusal; message: string };

export type TrustRefusal = 'other-organisation' | 'relayed' | 'expired' | 'damaged' | 'not-culvert';

/**
 * Without a fingerprint (somebody typed only an address) the TLS certificate has to be publicly trusted, and the key in
 * the statement is the one to pin.
 */
export async function fetchTrust(
  gateway: string,
  fingerprint: string | undefined,
  now: number = Date.now(),
): Promise<TrustOutcome> {
  const agent = new Agent({ rejectUnauthorized: fingerprint === undefined });
  try {
    const answer = await callGateway({
      gateway,
      path: TRUST_PATH,
      method: 'GET',
      agent,
      maxBytes: 64 * 1024,
    });
    return await judgeAnswer(gateway, answer, fingerprint, now);
  } catch (error) {
    return {
      kind: 'unreachable',
      message: `${gateway} cannot be reached: ${networkReason(error)}.`,
    };
  } finally {
    agent.destroy();
  }
}

/** The check of a statement by itself, without the connection it came over. */
export async function verifyStatement(
  jws: string,
  fingerprint: string | undefined,
  now: number,
): Promise<TrustOutcome> {
  const statement = TrustStatement.safeParse(unverifiedPayload(jws));
  if (!statement.success) return refused('damaged');
  const actual = fingerprintOf(statement.data.publicKey);
  if (fingerprint !== undefined && actual !== fingerprint) return refused('other-organisation');
  const key = organisationKey(statement.data.publicKey);
  if (!(await isSignedBy(jws, key, actual))) return refused('damaged');
  if (statement.data.expiresAt <= now) return refused('expired');
  return { kind: 'trusted', trust: { statement: statement.data, fingerprint: actual, key } };
}

/** base64url of SHA-256 of the raw Ed25519 public key, given as base64url. */
export function fingerprintOf(publicKey: string): string {
  return createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest('base64url');
}

export function organisationKey(publicKey: string): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
}

async function judgeAnswer(
  gateway: string,
  answer: GatewayAnswer,
  fingerprint: string | undefined,
  now: number,
): Promise<TrustOutcome> {
  if (answer.status !== 200) {
    if (answer.status >= 500 || answer.status === 429) {
      return {
        kind: 'unreachable',
        message: `${gateway} answers, but is not ready (${answer.status}).`,
      };
    }
    return refused('not-culvert');
  }
  const outcome = await verifyStatement(answer.text.trim(), fingerprint, now);
  if (outcome.kind !== 'trusted') return outcome;
  return isNamed(answer.certificate, outcome.trust.statement) ? outcome : refused('relayed');
}

function isNamed(certificate: X509Certificate | undefined, statement: TrustStatement): boolean {
  return certificate !== undefined && statement.tlsKeys.includes(tlsPinOf(certificate));
}

async function isSignedBy(jws: string, key: KeyObject, fingerprint: string): Promise<boolean> {
  try {
    const { protectedHeader } = await compactVerify(jws, key, { algorithms: ['EdDSA'] });
    return protectedHeader.typ === TRUST_TYP && protectedHeader.kid === fingerprint;
  } catch {
    return false;
  }
}

function unverifiedPayload(jws: string): unknown {
  const [, payload = ''] = jws.split('.');
  return parseJson(Buffer.from(payload, 'base64url').toString('utf8'));
}

const SENTENCES: Record<TrustRefusal, string> = {
  'other-organisation':
    'This gateway belongs to another organisation than your link or token names. Nothing was sent to it. Ask your administrator.',
  relayed:
    'Something sits between this machine and the gateway: the TLS key that answers is not one your organisation named. Nothing was sent.',
  expired:
    'The gateway’s signed statement has expired. Check this machine’s clock; if it is right, ask your administrator.',
  damaged: 'The gateway’s signed statement does not verify. Nothing was sent to it.',
  'not-culvert': 'What answers at this address is not a Culvert gateway. Check the address.',
};

function refused(reason: TrustRefusal): TrustOutcome {
  return { kind: 'refused', reason, message: SENTENCES[reason] };
}
