/** The device's WireGuard key pair. Printing or serialising it shows the public half only. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';

export class WireguardKey {
  readonly publicKey: string;
  readonly #privateKey: string;

  /** Raw X25519 private key, standard base64. */
  constructor(privateKey: string) {
    this.#privateKey = privateKey;
    this.publicKey = publicHalf(privateKey);
  }

  static generate(): WireguardKey {
    const { privateKey } = generateKeyPairSync('x25519');
    const der = privateKey.export({ type: 'pkcs8', format: 'der' });
    return new WireguardKey(der.subarray(-32).toString('base64'));
  }

  /** For the engine, the key proof and the identity file; nobody else has a reason to ask. */
  reveal(): string {
    return this.#privateKey;
  }

  toJSON(): string {
    return `WireguardKey(${this.publicKey})`;
  }

  [inspect.custom](): string {
    return this.toJSON();
  }
}

// RFC 8410: the fixed DER before the 32 raw bytes of an X25519 private key.
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

function publicHalf(raw: string): string {
  const key = Buffer.concat([PKCS8_X25519, Buffer.from(raw, 'base64')]);
  const pair = createPublicKey(createPrivateKey({ key, type: 'pkcs8', format: 'der' }));
  return pair.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64');
}
