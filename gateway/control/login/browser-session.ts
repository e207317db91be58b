/** Browsers that are signed in: a random cookie, of which the store holds only the hash. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CSRF_HEADER } from '../../contract/admin-api.ts';
import { said } from '../../contract/said.ts';
import { rolesFor } from '../http/admin-access.ts';
import { Refusal } from '../http/fault.ts';
import type { Role } from '../store/database.ts';
import { hashSecret, newSecret } from '../store/identifier.ts';
import type { Store } from '../store/store.ts';

/** `__Host-`: the browser takes it only over TLS, for this host alone, for every path. */
export const SESSION_COOKIE = '__Host-culvert';
const LIFETIME_MS = 12 * 3_600_000;

export interface SignedIn {
  userId: string;
  email: string;
  name: string;
  role: Role;
  expiresAt: number;
}

export interface BrowserSessions {
  start(reply: FastifyReply, userId: string): Promise<void>;
  find(request: FastifyRequest): Promise<SignedIn | undefined>;
  end(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  requireAdmin: (request: FastifyRequest) => Promise<void>;
}

export function makeBrowserSessions(store: Store): BrowserSessions {
  return {
    start: (reply, userId) => start(store, reply, userId),
    find: (request) => find(store, request),
    end: (request, reply) => end(store, request, reply),
    requireAdmin: (request) => requireAdmin(store, request),
  };
}

/** Who `requireAdmin` let in. */
export function signedInOf(request: FastifyRequest): SignedIn {
  if (!request.signedIn) throw new Error('a route asked who is signed in without requiring it');
  return request.signedIn;
}

async function start(store: Store, reply: FastifyReply, userId: string): Promise<void> {
  const secret = newSecret();
  const now = store.clock();
  await store.db
    .insertInto('browserSessions')
    .values({ idHash: hashSecret(secret), userId, createdAt: now, expiresAt: now + LIFETIME_MS })
    .execute();
  reply.setCookie(SESSION_COOKIE, secret, { ...COOKIE, maxAge: LIFETIME_MS / 1000 });
}

async function find(store: Store, request: FastifyRequest): Promise<SignedIn | undefined> {
  const secret = request.cookies[SESSION_COOKIE];
  if (secret === undefined) return undefined;
  return store.db
    .selectFrom('browserSessions')
    .innerJoin('users', 'users.id', 'browserSessions.userId')
    .select([
      'users.id as userId',
      'users.email',
      'users.name',
      'users.role',
      'browserSessions.expiresAt',
    ])
    .where('browserSessions.idHash', '=', hashSecret(secret))
    .where('browserSessions.expiresAt', '>', store.clock())
    .executeTakeFirst();
}

async function end(store: Store, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const secret = request.cookies[SESSION_COOKIE];
  if (secret !== undefined) {
    await store.db.deleteFrom('browserSessions').where('idHash', '=', hashSecret(secret)).execute();
  }
  reply.clearCookie(SESSION_COOKIE, COOKIE);
}

async function requireAdmin(store: Store, request: FastifyRequest): Promise<void> {
  const roles = rolesFor(request.method, request.routeOptions.url ?? '') ?? [];
  const person = await find(store, request);
  if (!person) throw Refusal.saying(401, said('not-signed-in'));
  if (!roles.includes(person.role)) {
    throw Refusal.saying(403, said('not-allowed'));
  }
  const isHarmless = request.method === 'GET' || request.method === 'HEAD';
  if (!isHarmless && request.headers[CSRF_HEADER] !== '1') {
    throw new Refusal(403, 'csrf', `The call needs the header ${CSRF_HEADER}: 1.`);
  }
  request.signedIn = person;
}

const COOKIE = { path: '/', secure: true, httpOnly: true, sameSite: 'lax' } as const;

declare module 'fastify' {
  interface FastifyRequest {
    signedIn?: SignedIn;
  }
}
