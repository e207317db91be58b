/** What a device or connector sends with each call (proof.ts of the contract): the `Culvert-Proof` header's value. */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  randomBytes,
} from 'node:crypto';
import { CompactSign } from 'jose';
import {
  type KeyChallenge,
  keyProofMessage,
  PROOF_TYP,
  type ProofPayload,
} from '../contract/proof.ts';
import type { Identity } from './identity.ts';

export interface ProvenCall {
  method: string;
  /** Path and query as sent. */
  path: string;
  /** As sent; empty where there is none. */
  body: string;
}

/** `id` is the device's or connector's id; null for the first call, where the header carries the public key instead. */
export async function makeProof(
  identity: Identity,
  id: string | null,
  call: ProvenCall,
  now: number = Date.now(),
): Promise<string> {
  const payload: ProofPayload = {
    htm: call.method.toUpperCase(),
    htu: call.path,
    iat: Math.floor(now / 1000),
    jti: randomBytes(16).toString('base64url'),
    bod: createHash('sha256').update(call.body).digest('base64url'),
  };
  const who = id === null ? { jwk: identity.publicJwk } : { kid: id };
  return new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'EdDSA', typ: PROOF_TYP, ...who })
    .sign(identity.privateKey);
}

/** Shows that the caller holds the WireGuard private key (T29); keys are raw, in standard base64. */
export function answerKeyChallenge(
  challenge: KeyChallenge,
  wireguardPrivateKey: string,
  wireguardPublicKey: string,
  identity: Identity,
): string {
  const shared = diffieHellman({
    privateKey: createPrivateKey({ key: pkcs8(wireguardPrivateKey), type: 'pkcs8', format: 'der' }),
    publicKey: createPublicKey({ key: spki(challenge.publicKey), type: 'spki', format: 'der' }),
  });
  const message = keyProofMessage(challenge.nonce, identity.thumbprint, wireguardPublicKey);
  return createHmac('sha256', shared).update(message).digest('base64url');
}

// RFC 8410: the fixed DER before the 32 raw bytes of an X25519 key.
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI_X25519 = Buffer.from('302a300506032b656e032100', 'hex');

function pkcs8(raw: string): Buffer {
  return Buffer.concat([PKCS8_X25519, Buffer.from(raw, 'base64')]);
}

function spki(raw: string): Buffer {
  return Buffer.concat([SPKI_X25519, Buffer.from(raw, 'base64')]);
}
