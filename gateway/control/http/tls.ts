/** The certificate that the gateway answers with: the operator's, or one of its own whose key stays the same for good. */
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { type DataDirectory, readPrivateFile, writePrivateFile } from '../store/data-directory.ts';
import { selfSignedCertificate } from './certificate.ts';
import type { Configuration } from './configuration.ts';
import { Fault } from './fault.ts';

export interface Tls {
  key: string;
  certificate: string;
  isSelfSigned: boolean;
  /** As in `TrustStatement.tlsKeys`. */
  pin: string;
}

const DAY_MS = 86_400_000;
/** Longer than this and Apple's systems refuse it. */
const LIFETIME_MS = 820 * DAY_MS;
const RENEW_BEFORE_MS = 60 * DAY_MS;

export function prepareTls(
  configuration: Configuration,
  directory: DataDirectory,
  now: number,
): Tls {
  return configuration.tls
    ? readOperators(configuration.tls)
    : ownCertificate(namesOf(configuration), directory, now);
}

/** base64 of SHA-256 over the SubjectPublicKeyInfo. */
export function tlsPin(certificate: string): string {
  const spki = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('base64');
}

function readOperators(files: { certificate: string; key: string }): Tls {
  try {
    const certificate = readFileSync(files.certificate, 'utf8');
    const key = readFileSync(files.key, 'utf8');
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) {
      throw new Fault('tls', `${files.key} is not the key of ${files.certificate}.`);
    }
    return { key, certificate, isSelfSigned: false, pin: tlsPin(certificate) };
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('tls', `The TLS files cannot be read: ${(cause as Error).message}`, cause);
  }
}

function ownCertificate(names: string[], directory: DataDirectory, now: number): Tls {
  const key = readOrMakeKey(directory);
  const path = directory.file('tls-certificate.pem');
  const known = readPrivateFile(path)?.toString('utf8');
  const certificate = known && isStillGood(known, key, names, now) ? known : issue(key, names, now);
  if (certificate !== known) writePrivateFile(path, certificate);
  return {
    key: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    certificate,
    isSelfSigned: true,
    pin: tlsPin(certificate),
  };
}

function readOrMakeKey(directory: DataDirectory): KeyObject {
  const path = directory.file('tls-key.pem');
  const known = readPrivateFile(path);
  if (known) return createPrivateKey(known);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writePrivateFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  return privateKey;
}

function isStillGood(pem: string, key: KeyObject, names: string[], now: number): boolean {
  try {
    const certificate = new X509Certificate(pem);
    const inTime = Date.parse(certificate.validTo) - RENEW_BEFORE_MS > now;
    const named = names.every(
      (name) =>
        certificate.checkHost(name) !== undefined || certificate.checkIP(name) !== undefined,
    );
    return inTime && named && certificate.checkPrivateKey(key);
  } catch {
    return false;
  }
}

function issue(key: KeyObject, names: string[], now: number): string {
  // A device whose clock is a little behind must not see a certificate from the future.
  return selfSignedCertificate({
    key,
    names,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + LIFETIME_MS),
  });
}

function namesOf(configuration: Configuration): string[] {
  const name = new URL(configuration.publicUrl).hostname.replace(/^\[|\]$/g, '');
  return [...new Set([name, hostname().toLowerCase(), 'localhost', '127.0.0.1', '::1'])];
}
