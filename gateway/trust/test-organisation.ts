/** For tests: an organisation with its signing key, and a TLS server that serves whatever statement a test wants. */
import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompactSign } from 'jose';
import { SNAPSHOT_TYP } from '../contract/snapshot.ts';
import { TRUST_TYP, type TrustStatement } from '../contract/trust.ts';
import { fingerprintOf } from './statement.ts';
import { tlsPinOf } from './tls-pin.ts';

export interface TestOrganisation {
  privateKey: KeyObject;
  publicKey: string;
  fingerprint: string;
}

export function makeOrganisation(): TestOrganisation {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  return { privateKey, publicKey: x, fingerprint: fingerprintOf(x) };
}

export function statementOf(
  organisation: TestOrganisation,
  over: Partial<TrustStatement> = {},
): TrustStatement {
  return {
    v: 1,
    organisation: { id: 'org-1', name: 'Example' },
    publicKey: organisation.publicKey,
    tlsKeys: [],
    issuer: 'https://gateway.example',
    issuedAt: Date.now(),
    expiresAt: Date.now() + 60_000,
    ...over,
  };
}

export function signTrust(
  organisation: TestOrganisation,
  statement: TrustStatement,
): Promise<string> {
  return sign(organisation, TRUST_TYP, statement);
}

export function signSnapshot(organisation: TestOrganisation, payload: unknown): Promise<string> {
  return sign(organisation, SNAPSHOT_TYP, payload);
}

function sign(organisation: TestOrganisation, typ: string, payload: unknown): Promise<string> {
  return new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'EdDSA', typ, kid: organisation.fingerprint })
    .sign(organisation.privateKey);
}

export interface TestCertificate {
  key: string;
  cert: string;
  pin: string;
}

export function makeCertificate(): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'culvert-trust-'));
  try {
    const files = ['-keyout', join(folder, 'key'), '-out', join(folder, 'cert')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    const name = ['-nodes', '-days', '1', '-subj', '/CN=localhost'];
    execFileSync('openssl', ['req', '-x509', ...curve, ...files, ...name], { stdio: 'ignore' });
    const cert = readFileSync(join(folder, 'cert'), 'utf8');
    return {
      key: readFileSync(join(folder, 'key'), 'utf8'),
      cert,
      pin: tlsPinOf(new X509Certificate(cert)),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface TestGateway {
  origin: string;
  /** Requests seen: path and body. */
  seen: string[];
  close(): Promise<void>;
}

export async function startGateway(
  certificate: TestCertificate,
  answer: (path: string) => { status: number; body: string },
): Promise<TestGateway> {
  const seen: string[] = [];
  const server: Server = createServer(certificate, (request, response) => {
    seen.push(request.url ?? '');
    const { status, body } = answer(request.url ?? '');
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return { origin: `https://127.0.0.1:${port}`, seen, close };
}
