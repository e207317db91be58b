/** Fills the installer in: where this gateway is, which files it has and what they hash to. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tls } from '../http/tls.ts';
import type { Payload } from './payload.ts';

const TEMPLATE = readFileSync(join(import.meta.dirname, 'connector.sh'), 'utf8');

/**
 * The hashes are in the script itself, which came over a connection that was checked: so the files need no trust in how
 * they come, and a `wget` that cannot pin a key will do.
 */
export function installerScript(
  payload: Payload,
  publicUrl: string,
  tls: Pick<Tls, 'isSelfSigned' | 'pin'>,
): string {
  const values: Record<string, string> = {
    GATEWAY: publicUrl,
    PIN: tls.isSelfSigned ? `sha256//${tls.pin}` : '',
    VERSION: payload.version,
    FILES: payload.files.map(({ name, sha256 }) => `${sha256} ${name}`).join('\n'),
  };
  return TEMPLATE.replace(/@([A-Z]+)@/g, (_whole, name: string) => values[name] ?? '');
}
