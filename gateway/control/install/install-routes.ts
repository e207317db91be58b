/** What a machine that holds nothing of ours needs to become a connector: the installer, and the files it fetches. */
import { createReadStream } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { InstallManifest } from '../../contract/connector-api.ts';
import { parseConnectorToken } from '../../contract/trust.ts';
import { findEngine } from '../../dataplane/engine-place.ts';
import { refusalOfToken } from '../connectors/token.ts';
import type { Core } from '../gateway.ts';
import { perMinute } from '../http/app.ts';
import { Refusal } from '../http/fault.ts';
import { readPayload, sourcesOf } from './payload.ts';
import { installerScript } from './script.ts';

/** Generous for a person, tight for who would have a gateway send its files all day. */
const PER_MINUTE = 60;

export function registerInstall(app: FastifyInstance, { configuration, store, tls }: Core): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const config = perMinute(PER_MINUTE);
  const payload = () => readPayload(sourcesOf(configuration.engine ?? engineIfAny()));
  // The first connector should not wait while Node's 120 MB are hashed.
  void payload();

  typed.get(
    '/install/connector.sh',
    { config, schema: { hide: true } },
    async (_request, reply) => {
      const script = installerScript(await payload(), configuration.publicUrl, tls);
      return reply
        .type('text/x-shellscript; charset=utf-8')
        .header('cache-control', 'no-store')
        .send(script);
    },
  );
  typed.get(
    '/install/manifest.json',
    { config, schema: { response: { 200: InstallManifest } } },
    async () => {
      const { version, files } = await payload();
      return { version, files: files.map(({ path: _path, ...file }) => file) };
    },
  );
  typed.post(
    '/install/check',
    { config, schema: { hide: true, body: z.string().max(2000) } },
    async (request, reply) =>
      reply
        .type('text/plain; charset=utf-8')
        .header('cache-control', 'no-store')
        .send((await whyRefused(store, request.body)) ?? 'ok'),
  );
  typed.get(
    '/install/:name',
    { config, schema: { hide: true, params: z.object({ name: z.string().max(100) }) } },
    async (request, reply) => {
      const file = (await payload()).files.find(({ name }) => name === request.params.name);
      if (!file) throw new Refusal(404, 'not-found', 'There is nothing at this address.');
      return reply
        .type('application/octet-stream')
        .header('content-length', file.bytes)
        .header('etag', `"${file.sha256}"`)
        .send(createReadStream(file.path));
    },
  );
}

/** So that the installer fetches nothing for a token that would be refused. The token is used up only by joining. */
async function whyRefused(store: Core['store'], text: string): Promise<string | undefined> {
  const parsed = parseConnectorToken(text.trim());
  if (!parsed.ok) return parsed.problem;
  return (await refusalOfToken(store.db, parsed.value.secret, store.clock()))?.message;
}

function engineIfAny(): string | undefined {
  try {
    return findEngine();
  } catch {
    return undefined;
  }
}
