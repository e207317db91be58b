/**
 * How a device or connector signs each call after it is enrolled (T30), in the manner of DPoP (RFC 9449).
 *
 * Header `Culvert-Proof`: compact JWS, alg EdDSA, typ `culvert-proof+jwt`, by the Ed25519 identity key; `kid` is the
 * device or connector id. For the first call (enrol, join) there is no id yet: the header carries the public `jwk`.
 * A WebSocket upgrade is a GET with an empty body. Each `jti` is accepted once, `iat` within ±60 s.
 */
import { z } from 'zod';

export const PROOF_HEADER = 'culvert-proof';
export const PROOF_TYP = 'culvert-proof+jwt';
export const PROOF_SKEW_SECONDS = 60;

export const ProofPayload = z.object({
  /** HTTP method, upper case. */
  htm: z.string().max(16),
  /** Path and query as sent, e.g. `/v1/device/stream`. */
  htu: z.string().max(2000),
  /** Unix seconds. */
  iat: z.number().int(),
  jti: z.string().min(16).max(64),
  /** base64url of SHA-256 of the body; of the empty string where there is no body. */
  bod: z.string().length(43),
});
export type ProofPayload = z.infer<typeof ProofPayload>;

/**
 * Proof that the caller holds a WireGuard private key (T29): the gateway gives an ephemeral X25519 key and a nonce; the
 * caller answers HMAC-SHA-256 with the X25519 shared secret as key over
 * `culvert-key-proof-v1 \0 nonce \0 identity key thumbprint (RFC 7638, base64url) \0 WireGuard public key (base64)`.
 */
export const KeyChallenge = z.object({
  challengeId: z.string().max(64),
  /** Gateway's ephemeral X25519 public key, standard base64. */
  publicKey: z.string().max(64),
  nonce: z.string().max(64),
  /** Unix ms. */
  expiresAt: z.number().int(),
});
export type KeyChallenge = z.infer<typeof KeyChallenge>;

export const KEY_PROOF_LABEL = 'culvert-key-proof-v1';

/** The bytes that the HMAC is taken over, as text. */
export function keyProofMessage(
  nonce: string,
  identityThumbprint: string,
  wireguardKey: string,
): string {
  return [KEY_PROOF_LABEL, nonce, identityThumbprint, wireguardKey].join('\0');
}
