/** The organisation's identity provider in the world: a certified OpenID provider over TLS, with people in it. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { succeed } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { GATEWAY_NAME, GATEWAY_PORT, PROVIDER_NAME, PROVIDER_PORT } from './topology.ts';

export const PROVIDER_ISSUER = `https://${PROVIDER_NAME}:${PROVIDER_PORT}`;
export const GATEWAY_URL = `https://${GATEWAY_NAME}:${GATEWAY_PORT}`;

export interface Person {
  username: string;
  password: string;
  email: string;
  name: string;
  groups: string[];
}

export const people = {
  alice: {
    username: 'alice',
    password: 'correct horse',
    email: 'alice@example.com',
    name: 'Alice Arai',
    groups: ['engineering'],
  },
  olivia: {
    username: 'olivia',
    password: 'battery staple',
    email: 'olivia@example.com',
    name: 'Olivia Ono',
    groups: ['operations'],
  },
} satisfies Record<string, Person>;

export interface RunningProvider {
  clientId: string;
  clientSecret: string;
  /** PEM of the certificate, for a gateway that has to trust it. */
  certificate: string;
}

export async function startProvider(host: Host): Promise<RunningProvider> {
  const { key, certificate } = await selfSigned(PROVIDER_NAME);
  await host.write('/run/provider/key.pem', key, 0o600);
  await host.write('/run/provider/certificate.pem', certificate);
  await host.write('/run/provider/users.json', JSON.stringify(Object.values(people)), 0o600);
  // Hexadecimal: a secret that begins with a dash would pass for an option.
  const clientSecret = randomBytes(24).toString('hex');
  const provider = host.start('provider', [
    '/opt/culvert/node_modules/.bin/node',
    '/opt/culvert/test/lab/identity-provider.ts',
    '--host',
    '0.0.0.0',
    '--port',
    String(PROVIDER_PORT),
    '--issuer',
    PROVIDER_ISSUER,
    '--users',
    '/run/provider/users.json',
    '--client-id',
    'culvert',
    '--client-secret',
    clientSecret,
    '--redirect',
    `${GATEWAY_URL}/login/callback`,
    '--tls-key',
    '/run/provider/key.pem',
    '--tls-certificate',
    '/run/provider/certificate.pem',
  ]);
  await provider.waitFor(/https:\/\//);
  return { clientId: 'culvert', clientSecret, certificate };
}

async function selfSigned(name: string): Promise<{ key: string; certificate: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'culvert-certificate-'));
  const file = (part: string) => path.join(folder, part);
  try {
    await succeed([
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-noenc',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-addext',
      `subjectAltName=DNS:${name}`,
      '-keyout',
      file('key'),
      '-out',
      file('certificate'),
    ]);
    return {
      key: await readFile(file('key'), 'utf8'),
      certificate: await readFile(file('certificate'), 'utf8'),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
