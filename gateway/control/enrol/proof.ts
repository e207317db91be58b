/** Verifies `Culvert-Proof` (contract/proof.ts): who calls, that it is this very call, and that it was not made before. */
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { calculateJwkThumbprint, compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import { z } from 'zod';
import { PROOF_HEADER, PROOF_SKEW_SECONDS, PROOF_TYP, ProofPayload } from '../../contract/proof.ts';
import { Refusal } from '../http/fault.ts';
import type { PeerKind } from '../store/database.ts';
import { readJson } from '../store/json-column.ts';
import type { Store } from '../store/store.ts';
import { acceptOnce } from '../store/used-proof.ts';

/** Only these members, so that a key cannot smuggle in another URL or algorithm. */
export const IdentityJwk = z.strictObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/),
});
export type IdentityJwk = z.infer<typeof IdentityJwk>;

export interface Call {
  method: string;
  /** Path and query as sent. */
  path: string;
  /** The body's bytes; empty where there is none. */
  body: Uint8Array | string;
  /** The `Culvert-Proof` header. */
  proof: string | undefined;
}

export interface ProvedPeer {
  id: string;
  kind: PeerKind;
}

export interface ProvedKey {
  jwk: IdentityJwk;
  thumbprint: string;
}

/** All of these throw a `Refusal` (401) unless the proof holds. */
export interface Proofs {
  /** A device or connector that the store knows. For a WebSocket upgrade: method GET, empty body. */
  peer(call: Call, kind: PeerKind): Promise<ProvedPeer>;
  /** The first call of somebody who has no id yet: the key comes with the proof. */
  key(call: Call): Promise<ProvedKey>;
  peerOf(request: FastifyRequest, kind: PeerKind): Promise<ProvedPeer>;
  keyOf(request: FastifyRequest): Promise<ProvedKey>;
}

const PeerHeader = z.strictObject({
  alg: z.literal('EdDSA'),
  typ: z.literal(PROOF_TYP),
  kid: z.string().max(64),
});
const KeyHeader = z.strictObject({
  alg: z.literal('EdDSA'),
  typ: z.literal(PROOF_TYP),
  jwk: IdentityJwk,
});

export function makeProofs(store: Store): Proofs {
  const peer = (call: Call, kind: PeerKind) => verifyPeer(store, call, kind);
  const key = (call: Call) => verifyKey(store, call);
  return {
    peer,
    key,
    peerOf: (request, kind) => peer(callOf(request), kind),
    keyOf: (request) => key(callOf(request)),
  };
}

async function verifyPeer(store: Store, call: Call, kind: PeerKind): Promise<ProvedPeer> {
  const { kid } = headerOf(PeerHeader, call);
  const peer = await store.db
    .selectFrom('peers')
    .select(['id', 'kind', 'identityKey'])
    .where('id', '=', kid)
    .where('kind', '=', kind)
    .executeTakeFirst();
  if (!peer)
    throw refused(`unknown-${kind}`, `This ${kind} is not known any more. ${NEXT_STEP[kind]}`);
  const jwk = readJson(IdentityJwk, peer.identityKey, 'peers.identity_key');
  await verify(store, call, jwk, peer.id);
  return { id: peer.id, kind };
}

async function verifyKey(store: Store, call: Call): Promise<ProvedKey> {
  const { jwk } = headerOf(KeyHeader, call);
  const thumbprint = await calculateJwkThumbprint(jwk);
  await verify(store, call, jwk, thumbprint);
  return { jwk, thumbprint };
}

async function verify(store: Store, call: Call, jwk: IdentityJwk, owner: string): Promise<void> {
  const payload = await payloadOf(call.proof ?? '', jwk);
  assertSameCall(payload, call);
  const now = store.clock();
  if (Math.abs(payload.iat * 1000 - now) > PROOF_SKEW_SECONDS * 1000) {
    throw refused(
      'proof-time',
      'The proof’s time is more than a minute off. Check this machine’s clock.',
    );
  }
  // Kept until the proof is too old by itself, so a replay never finds the id forgotten.
  const expiresAt = (payload.iat + 2 * PROOF_SKEW_SECONDS) * 1000;
  if (!(await acceptOnce(store.db, `proof:${owner}:${payload.jti}`, expiresAt))) {
    throw refused('proof-replayed', 'This proof was used before. Make a new one for each call.');
  }
}

async function payloadOf(proof: string, jwk: IdentityJwk): Promise<ProofPayload> {
  try {
    const { payload } = await compactVerify(proof, await importJWK(jwk, 'EdDSA'), {
      algorithms: ['EdDSA'],
    });
    return ProofPayload.parse(JSON.parse(Buffer.from(payload).toString('utf8')));
  } catch {
    throw refused(
      'proof-wrong',
      'The proof is not signed by this key. Make it with the identity key.',
    );
  }
}

function assertSameCall(payload: ProofPayload, call: Call): void {
  const bod = createHash('sha256').update(call.body).digest('base64url');
  const isSame = payload.htm === call.method && payload.htu === call.path && payload.bod === bod;
  if (!isSame)
    throw refused('proof-of-another-call', 'The proof belongs to another call. Make a new one.');
}

function headerOf<T>(schema: z.ZodType<T>, call: Call): T {
  if (call.proof === undefined) {
    throw refused(
      'proof-missing',
      `The call needs a ${PROOF_HEADER} header. See the API’s description.`,
    );
  }
  try {
    return schema.parse(decodeProtectedHeader(call.proof));
  } catch {
    throw refused('proof-wrong', 'The proof’s header is not right. See the API’s description.');
  }
}

function callOf(request: FastifyRequest): Call {
  const header = request.headers[PROOF_HEADER];
  return {
    method: request.method,
    path: request.url,
    body: request.rawBody ?? '',
    proof: typeof header === 'string' ? header : undefined,
  };
}

function refused(code: string, sentence: string): Refusal {
  return new Refusal(401, code, sentence);
}

const NEXT_STEP: Record<PeerKind, string> = {
  device: 'Sign in again.',
  connector: 'Join again with a new token.',
};

declare module 'fastify' {
  interface FastifyRequest {
    /** The bytes as they came, for what signs them. */
    rawBody?: Buffer;
  }
}
