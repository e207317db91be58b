/** Ids and one-time secrets. */
import { createHash, randomBytes } from 'node:crypto';

const PREFIXES = {
  organisation: 'org',
  user: 'usr',
  device: 'dev',
  network: 'net',
  connector: 'con',
  token: 'tok',
  rule: 'rul',
  profile: 'pro',
} as const;

/** `dev_9f86d081884c7d659a2f`: the kind can be read off it in a log, and it holds no character that needs quoting. */
export function newId(kind: keyof typeof PREFIXES): string {
  return `${PREFIXES[kind]}_${randomBytes(10).toString('hex')}`;
}

/** 256 random bits as base64url (43 characters). */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** How a random secret is kept. It has 256 bits of its own, so it needs no salt and no slow hash. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
