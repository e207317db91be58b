/**
 * How a device or connector knows that it talks to its organisation, whatever TLS certificate answers (T41).
 *
 * An organisation has one Ed25519 signing key. Its fingerprint travels in the sign-in link and in each connector
 * token. `GET /.well-known/culvert` answers a signed statement that names the key itself and the TLS keys its gateways
 * use; a client checks key against fingerprint, signature against key, and the certificate it is talking to against the
 * statement (so a relay in the middle gains nothing), then pins the organisation key for good.
 */
import { z } from 'zod';

/** base64url of SHA-256 of the raw 32-byte Ed25519 public key: 43 characters. */
export const Fingerprint = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** Payload of the compact JWS (alg EdDSA, typ `culvert-trust+jwt`, kid = fingerprint) at /.well-known/culvert. */
export const TrustStatement = z.object({
  v: z.literal(1),
  organisation: z.object({ id: z.string().max(64), name: z.string().max(200) }),
  /** base64url of the raw Ed25519 public key. */
  publicKey: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  /** base64 (as curl's --pinnedpubkey has it) of SHA-256 over each gateway certificate's SubjectPublicKeyInfo. */
  tlsKeys: z.array(z.string().max(64)).max(64),
  /** OAuth issuer of the gateway's authorisation server; its discovery document is below it. */
  issuer: z.url(),
  /** Unix milliseconds. */
  issuedAt: z.number().int(),
  expiresAt: z.number().int(),
});
export type TrustStatement = z.infer<typeof TrustStatement>;

export const TRUST_PATH = '/.well-known/culvert';
export const TRUST_TYP = 'culvert-trust+jwt';

/** `https://HOST[:PORT]/join#FINGERPRINT`: what a person pastes or clicks to sign in. */
export interface JoinLink {
  /** Origin of the gateway, no trailing slash. */
  gateway: string;
  /** Missing when somebody typed only the address: allowed only where the TLS certificate is publicly trusted. */
  fingerprint: string | undefined;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; problem: string };

/** Accepts a whole link, or a bare `host[:port]`. Never anything but https. */
export function parseJoinLink(text: string): Parsed<JoinLink> {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.length > 2000)
    return fail('Type your organisation’s address or paste its sign-in link.');
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `https://${trimmed}`;
  const url = URL.parse(withScheme);
  if (!url || url.hostname === '') return fail(`“${trimmed}” is not an address.`);
  if (url.protocol !== 'https:') return fail('A sign-in link starts with https://.');
  if (url.username !== '' || url.password !== '')
    return fail('A sign-in link holds no user name or password.');
  if (url.hash === '') return { ok: true, value: { gateway: url.origin, fingerprint: undefined } };
  const fingerprint = Fingerprint.safeParse(url.hash.slice(1));
  if (!fingerprint.success)
    return fail('The end of this sign-in link is damaged. Copy the whole link again.');
  return { ok: true, value: { gateway: url.origin, fingerprint: fingerprint.data } };
}

export function formatJoinLink(link: JoinLink): string {
  return `${link.gateway}/join${link.fingerprint ? `#${link.fingerprint}` : ''}`;
}

/** What a connector is installed with. The secret (32 random bytes, base64url) is stored hashed at the gateway. */
export interface ConnectorToken {
  gateway: string;
  fingerprint: string;
  secret: string;
}

/** `cvt1.<base64url of the gateway's origin>.<fingerprint>.<secret>` */
export function formatConnectorToken(token: ConnectorToken): string {
  return `cvt1.${toBase64Url(token.gateway)}.${token.fingerprint}.${token.secret}`;
}

export function parseConnectorToken(text: string): Parsed<ConnectorToken> {
  const parts = text.trim().split('.');
  if (parts.length !== 4 || parts[0] !== 'cvt1') {
    return fail(
      'This is not a connector token. Copy the whole line from the network’s page in the dashboard.',
    );
  }
  const [, origin = '', fingerprint = '', secret = ''] = parts;
  const gateway = URL.parse(fromBase64Url(origin));
  const whole = Fingerprint.safeParse(fingerprint).success && /^[A-Za-z0-9_-]{43}$/.test(secret);
  if (gateway?.protocol !== 'https:' || !whole) {
    return fail(
      'The connector token is damaged. Copy the whole line from the network’s page in the dashboard.',
    );
  }
  return { ok: true, value: { gateway: gateway.origin, fingerprint, secret } };
}

function fail(problem: string): { ok: false; problem: string } {
  return { ok: false, problem };
}

/** The part of the web's URL that Node and browsers share; this folder's types name neither. */
interface WebUrl {
  readonly protocol: string;
  readonly hostname: string;
  readonly username: string;
  readonly password: string;
  readonly hash: string;
  readonly origin: string;
}
declare const URL: { parse(text: string): WebUrl | null };
declare function btoa(text: string): string;
declare function atob(text: string): string;

function toBase64Url(ascii: string): string {
  return btoa(ascii).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function fromBase64Url(text: string): string {
  try {
    return atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  } catch {
    return '';
  }
}
