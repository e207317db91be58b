/** The Ed25519 identity key of a device or a connector: made here once, kept by its owner, never sent. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';

export interface PublicIdentityJwk {
  kty: 'OKP';
  crv: 'Ed25519';
  x: string;
}

export interface Identity {
  privateKey: KeyObject;
  publicJwk: PublicIdentityJwk;
  /** RFC 7638, base64url. */
  thumbprint: string;
}

export function generateIdentity(): Identity {
  return identityOf(generateKeyPairSync('ed25519').privateKey);
}

/** PEM (PKCS#8), for a file with mode 0600. */
export function exportIdentity(identity: Identity): string {
  return identity.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** Throws where the text is no Ed25519 private key. */
export function importIdentity(pem: string): Identity {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('This is not an Ed25519 private key.');
  return identityOf(key);
}

export function thumbprintOf(jwk: PublicIdentityJwk): string {
  // RFC 7638: the required members in this order, without spaces.
  const canonical = JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x });
  return createHash('sha256').update(canonical).digest('base64url');
}

function identityOf(privateKey: KeyObject): Identity {
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  const publicJwk: PublicIdentityJwk = { kty: 'OKP', crv: 'Ed25519', x };
  return { privateKey, publicJwk, thumbprint: thumbprintOf(publicJwk) };
}
