/**
 * Proof that a caller holds a WireGuard private key (T29), for enrol and join.
 *
 * Nothing is stored for a challenge that nobody answers: its ephemeral key and nonce are derived from its id and a
 * secret of the store, and the id carries its own expiry and MAC. So strangers cannot fill the database, and any gateway
 * of the organisation can check an answer to any other's challenge. An answered one is used up.
 */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { type KeyChallenge, keyProofMessage } from '../../contract/proof.ts';
import { Refusal } from '../http/fault.ts';
import type { Tx } from '../store/database.ts';
import { newSecret } from '../store/identifier.ts';
import type { Clock, Store } from '../store/store.ts';
import { acceptOnce } from '../store/used-proof.ts';

const LIFETIME_MS = 120_000;
const RANDOM_BYTES = 16;
const EXPIRY_BYTES = 6;
const MAC_BYTES = 16;

export interface KeyProofAnswer {
  challengeId: string;
  /** base64url */
  keyProof: string;
  /** Standard base64, as `wg` prints it. */
  wireguardKey: string;
  identityThumbprint: string;
}

export interface KeyChallenges {
  issue(): KeyChallenge;
  /** Throws a `Refusal` unless the answer is right; uses the challenge up within the caller's transaction. */
  accept(tx: Tx, answer: KeyProofAnswer): Promise<void>;
}

export async function openKeyChallenges(store: Store): Promise<KeyChallenges> {
  const secret = await store.secrets.readOrMake(store.db, 'key-challenge', newSecret);
  return new DerivedChallenges(Buffer.from(secret, 'base64url'), store.clock);
}

class DerivedChallenges implements KeyChallenges {
  readonly #secret: Buffer;
  readonly #clock: Clock;

  constructor(secret: Buffer, clock: Clock) {
    this.#secret = secret;
    this.#clock = clock;
  }

  issue(): KeyChallenge {
    const expiresAt = this.#clock() + LIFETIME_MS;
    const expiry = Buffer.alloc(EXPIRY_BYTES);
    expiry.writeUIntBE(expiresAt, 0, EXPIRY_BYTES);
    const head = Buffer.concat([randomBytes(RANDOM_BYTES), expiry]);
    const challengeId = Buffer.concat([head, this.#mac(head)]).toString('base64url');
    return {
      challengeId,
      publicKey: this.#publicKey(challengeId),
      nonce: this.#nonce(challengeId),
      expiresAt,
    };
  }

  async accept(tx: Tx, answer: KeyProofAnswer): Promise<void> {
    const expiresAt = this.#expiryOf(answer.challengeId);
    if (expiresAt === undefined) throw challengeRefused('is not one of ours');
    if (expiresAt <= this.#clock()) throw challengeRefused('has expired');
    assertCanonicalKey(answer.wireguardKey);
    if (!this.#isRight(answer)) {
      throw new Refusal(
        403,
        'key-proof-wrong',
        'The proof for the WireGuard key is not right. Make the proof with the private key that belongs to it.',
        'keyProof',
      );
    }
    if (!(await acceptOnce(tx, `challenge:${answer.challengeId}`, expiresAt))) {
      throw challengeRefused('was used before');
    }
  }

  #isRight(answer: KeyProofAnswer): boolean {
    const shared = sharedSecret(this.#privateKey(answer.challengeId), answer.wireguardKey);
    if (!shared) return false;
    const message = keyProofMessage(
      this.#nonce(answer.challengeId),
      answer.identityThumbprint,
      answer.wireguardKey,
    );
    const expected = createHmac('sha256', shared).update(message).digest();
    const given = Buffer.from(answer.keyProof, 'base64url');
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #expiryOf(challengeId: string): number | undefined {
    const bytes = Buffer.from(challengeId, 'base64url');
    const head = bytes.subarray(0, RANDOM_BYTES + EXPIRY_BYTES);
    const isWhole =
      bytes.length === head.length + MAC_BYTES && bytes.toString('base64url') === challengeId;
    if (!isWhole || !timingSafeEqual(bytes.subarray(head.length), this.#mac(head)))
      return undefined;
    return head.readUIntBE(RANDOM_BYTES, EXPIRY_BYTES);
  }

  #mac(head: Buffer): Buffer {
    return this.#derive('id', head).subarray(0, MAC_BYTES);
  }

  #nonce(challengeId: string): string {
    return this.#derive('nonce', challengeId).toString('base64url');
  }

  #privateKey(challengeId: string): Buffer {
    return this.#derive('x25519', challengeId);
  }

  #publicKey(challengeId: string): string {
    const spki = createPublicKey(x25519Private(this.#privateKey(challengeId))).export({
      type: 'spki',
      format: 'der',
    });
    return spki.subarray(-32).toString('base64');
  }

  #derive(purpose: string, input: string | Buffer): Buffer {
    return createHmac('sha256', this.#secret).update(`${purpose}\0`).update(input).digest();
  }
}

/**
 * X25519 ignores the highest bit and reduces modulo 2^255-19, so one key has several spellings; only the one that every
 * program prints is let in, else the same key could be registered twice.
 */
export function assertCanonicalKey(wireguardKey: string): void {
  const bytes = Buffer.from(wireguardKey, 'base64');
  const isSpelled = bytes.length === 32 && bytes.toString('base64') === wireguardKey;
  const value = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex') || '0'}`);
  if (isSpelled && value < 2n ** 255n - 19n) return;
  throw new Refusal(
    400,
    'key-not-canonical',
    'The WireGuard key is not written in its canonical form. Make a new key pair.',
    'wireguardKey',
  );
}

function challengeRefused(reason: string): Refusal {
  return new Refusal(
    403,
    'challenge-refused',
    `The challenge ${reason}. Ask for a new one.`,
    'challengeId',
  );
}

/** Undefined for a key of small order: everybody would share the same secret with it. */
function sharedSecret(privateKey: Buffer, wireguardKey: string): Buffer | undefined {
  try {
    const publicKey = createPublicKey({
      key: Buffer.concat([SPKI_X25519, Buffer.from(wireguardKey, 'base64')]),
      format: 'der',
      type: 'spki',
    });
    return diffieHellman({ privateKey: x25519Private(privateKey), publicKey });
  } catch {
    return undefined;
  }
}

function x25519Private(raw: Buffer) {
  return createPrivateKey({
    key: Buffer.concat([PKCS8_X25519, raw]),
    format: 'der',
    type: 'pkcs8',
  });
}

// RFC 8410: what comes before the 32 raw bytes of an X25519 key in DER.
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI_X25519 = Buffer.from('302a300506032b656e032100', 'hex');
