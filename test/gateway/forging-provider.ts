/** An identity provider that went bad: it answers every login with the ID token that a test made up. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';

export interface Forgery {
  issuer: string;
  clientId: string;
  /** As the gateway sent it. */
  nonce: string;
  /** The provider's real signing key, named `good`. */
  key: CryptoKey;
  /** Public half of it, as published. */
  publicJwk: object;
}

export type Forge = (forgery: Forgery) => Promise<string>;

export interface ForgingProvider {
  issuer: string;
  /** What the next logins get. */
  forge: Forge;
  close(): void;
}

export async function startForgingProvider(clientId: string): Promise<ForgingProvider> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), kid: 'good', alg: 'RS256', use: 'sig' };
  let nonce = '';
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider: ForgingProvider = {
    issuer,
    forge: async () => '',
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', issuer);
    if (url.pathname === '/.well-known/openid-configuration')
      return json(response, metadata(issuer));
    if (url.pathname === '/jwks') return json(response, { keys: [publicJwk] });
    if (url.pathname === '/authorize') {
      nonce = url.searchParams.get('nonce') ?? '';
      const back = new URL(url.searchParams.get('redirect_uri') ?? '');
      back.search = new URLSearchParams({
        code: 'code',
        state: url.searchParams.get('state') ?? '',
        iss: issuer,
      }).toString();
      response.writeHead(303, { location: back.href }).end();
      return;
    }
    const token = await provider.forge({ issuer, clientId, nonce, key: privateKey, publicJwk });
    json(response, { access_token: 'access', token_type: 'Bearer', id_token: token });
  }

  return provider;
}

function metadata(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    authorization_response_iss_parameter_supported: true,
  };
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
