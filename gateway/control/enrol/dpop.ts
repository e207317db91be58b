/** Checks an access token that is bound to a device's identity key, and the DPoP proof that comes with it (RFC 9449). */
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { calculateJwkThumbprint, compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import type { Provider } from 'oidc-provider';
import { z } from 'zod';
import { PROOF_SKEW_SECONDS } from '../../contract/proof.ts';
import { Refusal } from '../http/fault.ts';
import type { Store } from '../store/store.ts';
import { acceptOnce } from '../store/used-proof.ts';
import { IdentityJwk } from './proof.ts';

export interface BoundToken {
  userId: string;
  jwk: IdentityJwk;
  thumbprint: string;
  /** Names the token in `acceptOnce`: one token enrols once. */
  tokenUse: string;
  /** Unix milliseconds. */
  expiresAt: number;
}

const Header = z.strictObject({
  alg: z.enum(['EdDSA', 'Ed25519']),
  typ: z.literal('dpop+jwt'),
  jwk: IdentityJwk,
});
const Payload = z.object({
  htm: z.string(),
  htu: z.string(),
  iat: z.number().int(),
  jti: z.string().min(8).max(256),
  ath: z.string(),
});

export async function verifyBoundToken(
  store: Store,
  oauth: Provider,
  publicUrl: string,
  request: FastifyRequest,
): Promise<BoundToken> {
  const token = /^DPoP ([\x21-\x7e]{1,2000})$/i.exec(request.headers.authorization ?? '')?.[1];
  const proof = request.headers.dpop;
  if (token === undefined || typeof proof !== 'string') {
    throw refused(
      'token-missing',
      'The call needs an access token and a DPoP proof. Sign in first.',
    );
  }
  const { jwk, payload } = await readProof(proof);
  assertThisCall(payload, store.clock(), {
    htm: request.method,
    htu: publicUrl + (request.url.split('?')[0] ?? ''),
    ath: createHash('sha256').update(token).digest('base64url'),
  });
  const thumbprint = await calculateJwkThumbprint(jwk);
  const found = await oauth.AccessToken.find(token).catch(() => undefined);
  if (!found || found.jkt !== thumbprint || !found.scopes.has('enrol')) {
    throw refused(
      'token-refused',
      'The sign-in is not valid any more, or it was another device’s. Sign in again.',
    );
  }
  // Last, so that only somebody with a token can make the store remember a proof.
  await rememberProof(store, thumbprint, payload);
  return {
    userId: found.accountId,
    jwk,
    thumbprint,
    tokenUse: `token:${payload.ath}`,
    expiresAt: (found.exp ?? 0) * 1000,
  };
}

type ProofPayload = z.infer<typeof Payload>;

interface Expected {
  htm: string;
  htu: string;
  ath: string;
}

function assertThisCall(payload: ProofPayload, now: number, expected: Expected): void {
  const isThisCall =
    payload.htm === expected.htm && payload.htu === expected.htu && payload.ath === expected.ath;
  if (!isThisCall) {
    throw refused(
      'proof-of-another-call',
      'The DPoP proof belongs to another call. Make a new one.',
    );
  }
  if (Math.abs(payload.iat * 1000 - now) > PROOF_SKEW_SECONDS * 1000) {
    throw refused(
      'proof-time',
      'The proof’s time is more than a minute off. Check this machine’s clock.',
    );
  }
}

async function rememberProof(
  store: Store,
  thumbprint: string,
  { jti, iat }: ProofPayload,
): Promise<void> {
  const expiresAt = (iat + 2 * PROOF_SKEW_SECONDS) * 1000;
  if (await acceptOnce(store.db, `dpop:${thumbprint}:${jti}`, expiresAt)) return;
  throw refused('proof-replayed', 'This proof was used before. Make a new one for each call.');
}

async function readProof(proof: string) {
  try {
    const { alg, jwk } = Header.parse(decodeProtectedHeader(proof));
    const key = await importJWK(jwk, alg);
    const { payload } = await compactVerify(proof, key, { algorithms: ['EdDSA', 'Ed25519'] });
    return { jwk, payload: Payload.parse(JSON.parse(Buffer.from(payload).toString('utf8'))) };
  } catch {
    throw refused(
      'proof-wrong',
      'The DPoP proof does not verify. Make it with the device’s Ed25519 identity key.',
    );
  }
}

function refused(code: string, sentence: string): Refusal {
  return new Refusal(401, code, sentence);
}
