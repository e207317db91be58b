/** WireGuard key pairs, as `wg genkey` and `wg pubkey` make them. */
import { generateKeyPairSync } from 'node:crypto';

export interface KeyPair {
  privateKey: string;
  publicKey: string;
}

export function keyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return {
    privateKey: raw(privateKey.export({ type: 'pkcs8', format: 'der' })),
    publicKey: raw(publicKey.export({ type: 'spki', format: 'der' })),
  };
}

/** Both encodings end in the 32 bytes of the key (RFC 8410). */
function raw(der: Buffer): string {
  return der.subarray(-32).toString('base64');
}
