/**
 * The organisation's identity provider in the lab and the demo: a certified OpenID provider with a login page of its
 * own, users from the command line, and nothing kept on disk.
 *
 *   node test/lab/identity-provider.ts --port 9000 --issuer http://idp.example:9000 --users users.json \
 *     --client-id culvert --client-secret secret --redirect https://gate.example/login/callback
 *
 * The login page has the fields `username` and `password`, and two buttons: `Sign in` and `Cancel`.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { parseArgs } from 'node:util';
import { Provider } from 'oidc-provider';
import { z } from 'zod';

const IdentityUser = z.strictObject({
  /** What the person types. */
  username: z.string(),
  password: z.string(),
  email: z.string(),
  /** Null: the provider says nothing about it. */
  emailVerified: z.boolean().nullable().default(true),
  name: z.string(),
  groups: z.array(z.string()).default([]),
});
export type IdentityUser = z.input<typeof IdentityUser>;

export interface IdentityProviderOptions {
  host?: string;
  /** 0: any free one, when the issuer is not given. */
  port: number;
  /** As browsers and the gateway reach it; by default http(s)://localhost:PORT. */
  issuer?: string;
  users: IdentityUser[];
  clientId: string;
  clientSecret: string;
  redirectUris: string[];
  tls?: { key: string; certificate: string };
}

export interface RunningIdentityProvider {
  issuer: string;
  close(): Promise<void>;
}

export async function startIdentityProvider(
  options: IdentityProviderOptions,
): Promise<RunningIdentityProvider> {
  const users = z.array(IdentityUser).parse(options.users);
  const server = options.tls
    ? createTlsServer({ key: options.tls.key, cert: options.tls.certificate })
    : createServer();
  const port = await listen(server, options.host ?? '127.0.0.1', options.port);
  const issuer = options.issuer ?? `${options.tls ? 'https' : 'http'}://localhost:${port}`;
  const provider = makeProvider(issuer, users, options);
  const handle = provider.callback();
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const isLogin = (request.url ?? '').startsWith('/interaction/');
    const done = isLogin
      ? answerLogin(provider, users, request, response)
      : handle(request, response);
    done.catch((error: unknown) => sendPage(response, 500, `<p>${escapeText(String(error))}</p>`));
  });
  return { issuer, close: () => close(server) };
}

function makeProvider(
  issuer: string,
  users: z.infer<typeof IdentityUser>[],
  options: IdentityProviderOptions,
): Provider {
  const provider: Provider = new Provider(issuer, {
    clients: [
      {
        client_id: options.clientId,
        client_secret: options.clientSecret,
        redirect_uris: options.redirectUris,
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'preferred_username'],
      groups: ['groups'],
    },
    scopes: ['openid', 'email', 'profile', 'groups'],
    features: { devInteractions: { enabled: false } },
    jwks: { keys: [signingKey()] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    ttl: {
      Session: 3600,
      Grant: 3600,
      Interaction: 600,
      AccessToken: 600,
      IdToken: 600,
      AuthorizationCode: 60,
    },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_context, id) => {
      const user = users.find((candidate) => candidate.username === id);
      return user && { accountId: id, claims: () => claimsOf(user) };
    },
    // The organisation's own program: nobody is asked whether it may know who they are.
    loadExistingGrant: async (context) => {
      const { client, session, provider: own } = context.oidc;
      if (!client || !session?.accountId) return undefined;
      const grant = new own.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid email profile groups');
      await grant.save();
      return grant;
    },
  });
  // Behind `ssh -L` or a lab's names, the address that a browser sees is the issuer's.
  provider.proxy = issuer.startsWith('https:') && options.tls === undefined;
  return provider;
}

async function answerLogin(
  provider: Provider,
  users: z.infer<typeof IdentityUser>[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // Throws for a browser that did not begin this login.
  await provider.interactionDetails(request, response);
  if (request.method !== 'POST') return sendLogin(response, 200, '');
  const form = await readForm(request);
  if (form.get('decision') === 'cancel') {
    const result = { error: 'access_denied', error_description: 'The person cancelled the login.' };
    return provider.interactionFinished(request, response, result);
  }
  const user = users.find((candidate) => candidate.username === form.get('username'));
  if (!user || user.password !== form.get('password')) {
    return sendLogin(response, 401, 'Wrong user name or password.', form.get('username') ?? '');
  }
  const result = { login: { accountId: user.username } };
  await provider.interactionFinished(request, response, result);
}

function sendLogin(response: ServerResponse, status: number, problem: string, username = ''): void {
  const alert = problem === '' ? '' : `<p role="alert" class="problem">${escapeText(problem)}</p>`;
  sendPage(
    response,
    status,
    `<h1>Example identity provider</h1>${alert}
<form method="post">
<label for="username">User name</label>
<input id="username" name="username" autocomplete="username" value="${escapeText(username)}" autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password">
<button type="submit" name="decision" value="sign-in">Sign in</button>
<button type="submit" name="decision" value="cancel" class="quiet" formnovalidate>Cancel</button>
</form>`,
  );
}

function sendPage(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.end(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in · Example identity provider</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: light-dark(#eef0e8, #191b16) }
main { width: min(22rem, calc(100vw - 4rem)); padding: 2rem; border-radius: 4px; background: light-dark(#fff, #262921) }
h1 { font-size: 1.2rem; margin: 0 0 1rem } label { display: block; margin-top: .8rem }
input { box-sizing: border-box; width: 100%; font: inherit; padding: .5rem }
button { font: inherit; padding: .5rem 1rem; margin: 1.2rem .4rem 0 0 } .problem { color: light-dark(#a3120a, #ff9c94) }
</style></head><body><main>${body}</main></body></html>`);
}

function claimsOf(user: z.infer<typeof IdentityUser>) {
  return {
    sub: user.username,
    email: user.email,
    ...(user.emailVerified === null ? {} : { email_verified: user.emailVerified }),
    name: user.name,
    preferred_username: user.username,
    groups: user.groups,
  };
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    ...privateKey.export({ format: 'jwk' }),
    kid: randomBytes(8).toString('hex'),
    alg: 'RS256',
    use: 'sig',
  };
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > 10_000) throw new Error('the form is too large');
  }
  return new URLSearchParams(text);
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      host: { type: 'string', default: '0.0.0.0' },
      port: { type: 'string', default: '9000' },
      issuer: { type: 'string' },
      users: { type: 'string' },
      'client-id': { type: 'string', default: 'culvert' },
      'client-secret': { type: 'string' },
      redirect: { type: 'string', multiple: true },
      'tls-key': { type: 'string' },
      'tls-certificate': { type: 'string' },
    },
  });
  const { users, redirect, issuer } = values;
  const clientSecret = values['client-secret'];
  if (users === undefined || redirect === undefined || clientSecret === undefined) {
    throw new Error(
      '--users (a JSON list or a file with one), --client-secret and --redirect are needed',
    );
  }
  const tlsKey = values['tls-key'];
  const tlsCertificate = values['tls-certificate'];
  const running = await startIdentityProvider({
    host: values.host,
    port: Number(values.port),
    users: JSON.parse(users.startsWith('[') ? users : readFileSync(users, 'utf8')),
    clientId: values['client-id'],
    clientSecret,
    redirectUris: redirect,
    ...(issuer === undefined ? {} : { issuer }),
    ...(tlsKey !== undefined && tlsCertificate !== undefined
      ? {
          tls: {
            key: readFileSync(tlsKey, 'utf8'),
            certificate: readFileSync(tlsCertificate, 'utf8'),
          },
        }
      : {}),
  });
  process.stdout.write(`identity provider at ${running.issuer}\n`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(
      `identity-provider: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exit(64);
  });
}
