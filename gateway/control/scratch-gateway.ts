/** For tests: a whole gateway with a real store, really listening, and somebody signed in as its owner. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InjectOptions } from 'fastify';
import { CSRF_HEADER } from '../contract/admin-api.ts';
import { type BuiltGateway, buildGateway } from './build.ts';
import { freePort } from './free-port.ts';
import type { Configuration } from './http/configuration.ts';
import { makeLog } from './http/log.ts';
import { prepareTls } from './http/tls.ts';
import { SESSION_COOKIE } from './login/browser-session.ts';
import { assembleWith } from './parts.ts';
import type { Live, LiveOptions } from './push/live.ts';
import { openDataDirectory } from './store/data-directory.ts';
import type { Role } from './store/database.ts';
import { hashSecret, newId, newSecret } from './store/identifier.ts';
import { openStore, type Store } from './store/store.ts';

export interface ScratchGateway {
  built: BuiltGateway;
  store: Store;
  live: Live;
  url: string;
  data: ScratchData;
  /** As the signed-in owner; the parsed answer. */
  call<T>(method: InjectOptions['method'], path: string, body?: object): Promise<Answer<T>>;
  signIn(role: Role): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Answer<T> {
  status: number;
  body: T;
  headers: Record<string, unknown>;
}

/** A data directory of its own. Whoever has it removes it: the gateway that was started on it last. */
export class ScratchData implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'culvert-gateway-'));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export interface ScratchOptions {
  dataPlane?: LiveOptions['dataPlane'];
  limits?: LiveOptions['limits'];
  /** Of an earlier scratch gateway, to start it again: this one has it from here on. */
  data?: ScratchData;
  port?: number;
  wireguardPort?: number;
}

export async function scratchGateway(options: ScratchOptions = {}): Promise<ScratchGateway> {
  const data = options.data ?? new ScratchData();
  const port = options.port ?? (await freePort());
  const configuration = configurationAt(data.path, port, options.wireguardPort ?? 51820);
  const directory = openDataDirectory(data.path);
  const store = await openStore(directory);
  let live: Live | undefined;
  const built = await buildGateway({
    configuration,
    store,
    tls: prepareTls(configuration, directory, Date.now()),
    log: makeLog('silent'),
    assemble: async (core) => {
      const assembled = await assembleWith(core, options.dataPlane, options.limits);
      live = assembled.live;
      return assembled;
    },
  });
  await built.app.listen({ host: '127.0.0.1', port });
  if (!live) throw new Error('the gateway was built without its live part');
  const signIn = (role: Role): Promise<string> => signInAs(store, role);
  const cookie = await signIn('owner');
  return {
    built,
    store,
    live,
    url: configuration.publicUrl,
    data,
    signIn,
    call: (method, path, body) => call(built, cookie, method, path, body),
    [Symbol.asyncDispose]: async () => {
      await built.close();
      data[Symbol.dispose]();
    },
  };
}

export async function call<T>(
  { app }: BuiltGateway,
  cookie: string,
  method: InjectOptions['method'],
  path: string,
  body?: object,
): Promise<Answer<T>> {
  const response = await app.inject({
    ...(method ? { method } : {}),
    url: path.startsWith('/') ? path : `/v1/admin/${path}`,
    headers: { [CSRF_HEADER]: '1' },
    cookies: { [SESSION_COOKIE]: cookie },
    ...(body ? { payload: body } : {}),
  });
  const parsed = response.body === '' ? undefined : (JSON.parse(response.body) as T);
  return { status: response.statusCode, body: parsed as T, headers: response.headers };
}

async function signInAs(store: Store, role: Role): Promise<string> {
  const id = newId('user');
  const now = Date.now();
  const email = `${role}-${id}@example.com`;
  await store.db
    .insertInto('users')
    .values({
      id,
      issuer: 'https://idp.example',
      subject: id,
      email,
      name: role,
      role,
      createdAt: now,
      lastSignInAt: now,
    })
    .execute();
  const secret = newSecret();
  const expiresAt = now + 3_600_000;
  await store.db
    .insertInto('browserSessions')
    .values({ idHash: hashSecret(secret), userId: id, createdAt: now, expiresAt })
    .execute();
  return secret;
}

function configurationAt(data: string, port: number, wireguardPort: number): Configuration {
  return {
    data,
    listen: { host: '127.0.0.1', port },
    publicUrl: `https://127.0.0.1:${port}`,
    endpoints: [`127.0.0.1:${wireguardPort}`],
    wireguardPort,
    logLevel: 'silent',
    allowInsecureProvider: false,
    providerVerifiesEmail: false,
    sessionHours: 24,
    isPortChosen: true,
    isHostChosen: true,
  };
}
