/** A whole organisation in this process: its identity provider and its gateway, both on real sockets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BuiltGateway, buildGateway } from '../../gateway/control/build.ts';
import { freePort } from '../../gateway/control/free-port.ts';
import type { Assemble } from '../../gateway/control/gateway.ts';
import { readConfiguration } from '../../gateway/control/http/configuration.ts';
import { makeLog } from '../../gateway/control/http/log.ts';
import { prepareTls } from '../../gateway/control/http/tls.ts';
import { assembleWith } from '../../gateway/control/parts.ts';
import { openDataDirectory } from '../../gateway/control/store/data-directory.ts';
import { openStore, type Store } from '../../gateway/control/store/store.ts';
import {
  type IdentityUser,
  type RunningIdentityProvider,
  startIdentityProvider,
} from '../lab/identity-provider.ts';
import { Visitor } from './visitor.ts';

export interface Organisation {
  url: string;
  certificate: string;
  store: Store;
  built: BuiltGateway;
  provider: RunningIdentityProvider;
  visitor(): Visitor;
  /** Moves the gateway's clock. */
  wait(ms: number): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface OrganisationOptions {
  users?: IdentityUser[];
  /** Left to a person with the set-up link. */
  isNew?: boolean;
  args?: string[];
}

export const CLIENT = { clientId: 'culvert', clientSecret: 'a secret of the two' };

export const ALICE: IdentityUser = {
  username: 'alice',
  password: 'correct horse',
  email: 'alice@example.com',
  name: 'Alice Example',
  groups: ['staff', 'admins'],
};
export const BOB: IdentityUser = {
  username: 'bob',
  password: 'battery staple',
  email: 'bob@example.com',
  name: 'Bob Example',
  groups: ['staff'],
};

/** Alice is its owner. */
export async function startOrganisation(options: OrganisationOptions = {}): Promise<Organisation> {
  const path = mkdtempSync(join(tmpdir(), 'culvert-organisation-'));
  const port = await freePort();
  const url = `https://localhost:${port}`;
  const provider = await startIdentityProvider({
    port: 0,
    users: options.users ?? [ALICE, BOB],
    ...CLIENT,
    redirectUris: [`${url}/login/callback`],
  });
  const preset = options.isNew ? [] : presetOf(provider.issuer);
  const args = ['--data', path, '--host', '127.0.0.1', '--port', String(port), '--public-url', url];
  const read = readConfiguration(
    [...args, '--allow-insecure-provider', ...preset, ...(options.args ?? [])],
    {},
  );
  if (read.kind !== 'run') throw new Error('the configuration asks for help');
  let skewMs = 0;
  const directory = openDataDirectory(path);
  const store = await openStore(directory, () => Date.now() + skewMs);
  const tls = prepareTls(read.configuration, directory, Date.now());
  const log = makeLog('silent');
  const built = await buildGateway({
    configuration: read.configuration,
    store,
    tls,
    log,
    assemble: withoutPackets,
  });
  await built.app.listen({ host: '127.0.0.1', port });
  return {
    url,
    certificate: tls.certificate,
    store,
    built,
    provider,
    visitor: () => new Visitor(tls.certificate),
    wait: (ms) => {
      skewMs += ms;
    },
    [Symbol.asyncDispose]: async () => {
      await provider.close();
      await built.close();
      rmSync(path, { recursive: true });
    },
  };
}

/** Everything but packets. */
const withoutPackets: Assemble = (core) => assembleWith(core, undefined);

function presetOf(issuer: string): string[] {
  return [
    ['--organisation', 'Example'],
    ['--owner', 'alice@example.com'],
    ['--provider-issuer', issuer],
    ['--provider-client-id', CLIENT.clientId],
    ['--provider-client-secret', CLIENT.clientSecret],
  ].flat();
}
