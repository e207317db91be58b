/** The files that make a connector, as this gateway has them: Node, the bundled program, and the engine. */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallManifest } from '../../contract/connector-api.ts';

type File = InstallManifest['files'][number];
export type PayloadFile = File & { path: string };

export interface PayloadSources {
  /** By processor. */
  node: Partial<Record<'x64' | 'arm64', string>>;
  engine: Partial<Record<'x64' | 'arm64', string>>;
  bundle: string;
}

export interface Payload {
  version: string;
  files: PayloadFile[];
}

const CHECKOUT = join(import.meta.dirname, '../../..');

export function sourcesOf(engine: string | undefined): PayloadSources {
  const here = process.arch === 'arm64' ? 'arm64' : 'x64';
  const node = (arch: string): string => join(CHECKOUT, `node_modules/node-linux-${arch}/bin/node`);
  return {
    node: { x64: node('x64'), arm64: node('arm64') },
    engine: engine ? { [here]: engine } : {},
    bundle: join(CHECKOUT, 'build/connector/culvert-connector.mjs'),
  };
}

/** Only what is there, and for a processor only if both its programs are; hashes are computed again when a file changed. */
export async function readPayload(sources: PayloadSources): Promise<Payload> {
  const bundle = await payloadFile('culvert-connector.mjs', 'any', sources.bundle);
  const perProcessor = await Promise.all(
    (['x64', 'arm64'] as const).map(async (arch) => {
      const node = await payloadFile(`node-${arch}`, arch, sources.node[arch]);
      const engine = await payloadFile(`culvert-engine-${arch}`, arch, sources.engine[arch]);
      return node && engine ? [node, engine] : [];
    }),
  );
  const files = [...(bundle ? [bundle] : []), ...perProcessor.flat()];
  return { version: versionOf(files), files };
}

function versionOf(files: readonly PayloadFile[]): string {
  const all = files.map(({ name, sha256 }) => `${name} ${sha256}\n`).join('');
  return createHash('sha256').update(all).digest('hex').slice(0, 16);
}

async function payloadFile(
  name: string,
  arch: File['arch'],
  path: string | undefined,
): Promise<PayloadFile | undefined> {
  const found = path && statSync(path, { throwIfNoEntry: false });
  if (!path || !found) return undefined;
  return {
    name,
    arch,
    path,
    bytes: found.size,
    sha256: await hashOf(path, `${found.size} ${found.mtimeMs}`),
  };
}

const hashes = new Map<string, { stamp: string; hash: Promise<string> }>();

function hashOf(path: string, stamp: string): Promise<string> {
  const known = hashes.get(path);
  if (known?.stamp === stamp) return known.hash;
  const hash = hashFile(path);
  hashes.set(path, { stamp, hash });
  return hash;
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
