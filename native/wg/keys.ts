/** WireGuard keys: 32 raw bytes, in base64 for people and files, in hex for the UAPI socket. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';

export interface KeyPair {
  privateKey: string;
  publicKey: string;
}

export function generateKeyPair(): KeyPair {
  const { d = '', x = '' } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  return { privateKey: fromBase64Url(d), publicKey: fromBase64Url(x) };
}

/** Throws where the text is no key. */
export function publicKeyOf(privateKey: string): string {
  const der = Buffer.concat([PKCS8_X25519, keyBytes(privateKey)]);
  const key = createPrivateKey({ key: der, type: 'pkcs8', format: 'der' });
  return fromBase64Url(createPublicKey(key).export({ format: 'jwk' }).x ?? '');
}

/** Standard base64 of exactly 32 bytes, in its one canonical spelling. */
export function isKey(text: string): boolean {
  return /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);
}

export function hexOfKey(base64: string): string {
  return keyBytes(base64).toString('hex');
}

export function keyOfHex(hex: string): string {
  if (!/^[0-9a-f]{64}$/i.test(hex)) throw new Error('A WireGuard key in hex has 64 digits.');
  return Buffer.from(hex, 'hex').toString('base64');
}

// RFC 8410: the fixed DER before the 32 raw bytes.
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

function keyBytes(base64: string): Buffer {
  if (!isKey(base64)) throw new Error('A WireGuard key is 32 bytes in base64, 44 characters.');
  return Buffer.from(base64, 'base64');
}

function fromBase64Url(text: string): string {
  return Buffer.from(text, 'base64url').toString('base64');
}
