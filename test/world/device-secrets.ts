/** The secrets of a device, and how to look for them where they must not be. */
import { createPrivateKey } from 'node:crypto';
import type { Host } from '../lab/host.ts';

/** The only file that may hold a private key. */
export const KEY_STORE = '/var/lib/culvert/identity.json';

export async function deviceSecrets(host: Host): Promise<Map<string, Buffer>> {
  const { data } = JSON.parse(await host.read(KEY_STORE));
  const identity = createPrivateKey(data.identityKey).export({ format: 'jwk' });
  return new Map([
    ['WireGuard key', Buffer.from(data.wireguardKey, 'base64')],
    ['identity key', Buffer.from(String(identity.d), 'base64url')],
  ]);
}

/** Contents of all files, each after its path, as one text to look through; the key store is left out. */
export async function filesBelow(host: Host, places: string[]): Promise<string> {
  const found = await host.sh(
    `find ${places.join(' ')} -type f ! -path ${KEY_STORE} -size -4M -newer /etc/hostname -printf '%p\\n' -exec base64 -w0 {} \\; -exec echo \\; 2>/dev/null || true`,
    { timeoutMs: 120_000 },
  );
  return found
    .split('\n')
    .map((line) => (line.startsWith('/') ? line : latin1(line)))
    .join('\n');
}

export function latin1(base64: string): string {
  return Buffer.from(base64, 'base64').toString('latin1');
}

/** In which a secret may stand somewhere. */
export function spellings(secret: Buffer): string[] {
  const hex = secret.toString('hex');
  const base64 = [0, 1, 2].map((before) => insideBase64(secret, before));
  return [
    secret.toString('latin1'),
    hex,
    hex.toUpperCase(),
    ...base64,
    ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    ...base64.map((text) => encodeURIComponent(text)),
  ];
}

/** As it looks inside of something longer, a PEM file for one: without the letters that its neighbours share. */
function insideBase64(secret: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), secret]).toString('base64');
  return text.replace(/=+$/, '').slice(Math.ceil((before * 4) / 3), -1);
}
