/**
 * culvertd's door: HTTP over a Unix socket, and never anything else. It distrusts its callers: the kernel says who they
 * are, a browser's marks are refused, sizes and numbers are capped (T21, T22).
 */
import type { Socket } from 'node:net';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Problem } from '../../contract/local-api.ts';
import { Fault, problem, problemOf } from '../../contract/problem.ts';
import type { ProblemCode } from '../../contract/sentences/en.ts';
import { CALLS, type CallName, type CallShape, EVENTS_PATH, type Handlers } from './calls.ts';
import { EventStreams } from './event-streams.ts';

export interface PeerCredentials {
  uid: number;
  gid: number;
  pid: number;
}

export interface LocalApiLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface LocalApiOptions {
  handlers: Handlers;
  /** Null: the kernel did not say; the connection is closed. */
  credentialsOf: (socket: Socket) => PeerCredentials | null;
  log: LocalApiLog;
}

const BODY_LIMIT_BYTES = 64 * 1024;
const MAX_CONNECTIONS = 256;
/** Who opens connections without end shuts the door for nobody but himself. */
const MAX_CONNECTIONS_EACH = 64;

export function buildLocalApi(options: LocalApiOptions): FastifyInstance {
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: 10_000,
    keepAliveTimeout: 5000,
    forceCloseConnections: true,
    return503OnClosing: false,
    http: { headersTimeout: 5000, maxHeaderSize: 8192 },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  const peers = knowPeers(app, options);
  app.addHook('onRequest', refuseBrowsers);
  app.setErrorHandler((error: FastifyError, request, reply) =>
    sendError(error, request, reply, options.log),
  );
  app.setNotFoundHandler((request, reply) => {
    const call = `${request.method} ${request.url.slice(0, 100)}`;
    return send(reply, 404, problem('not-found', { call }));
  });
  for (const name of Object.keys(CALLS) as CallName[]) addCall(app, name, options.handlers, peers);
  addEvents(app, options.handlers, peers);
  return app;
}

type Peers = (request: FastifyRequest) => PeerCredentials;

/** Asked once, when the connection is made: a process that hands its socket on stays who it was. */
function knowPeers(app: FastifyInstance, options: LocalApiOptions): Peers {
  const known = new WeakMap<Socket, PeerCredentials>();
  const open = new Map<number, number>();
  app.server.maxConnections = MAX_CONNECTIONS;
  app.server.on('connection', (socket: Socket) => {
    const credentials = options.credentialsOf(socket);
    if (credentials && hasRoom(open, credentials.uid, socket)) known.set(socket, credentials);
    else socket.destroy();
  });
  return (request) => {
    const peer = known.get(request.raw.socket);
    if (!peer) throw new Fault('caller-unknown');
    return peer;
  };
}

function hasRoom(open: Map<number, number>, uid: number, socket: Socket): boolean {
  const count = open.get(uid) ?? 0;
  if (count >= MAX_CONNECTIONS_EACH) return false;
  open.set(uid, count + 1);
  socket.once('close', () => {
    const left = (open.get(uid) ?? 1) - 1;
    if (left === 0) open.delete(uid);
    else open.set(uid, left);
  });
  return true;
}

/** No browser can open a Unix socket; a page that found a way through a proxy would still carry one of these. */
async function refuseBrowsers(request: FastifyRequest): Promise<void> {
  const { headers } = request;
  const marks = [
    headers.origin,
    headers.referer,
    headers['sec-fetch-site'],
    headers['sec-fetch-mode'],
  ];
  const isBrowser = marks.some((mark) => mark !== undefined);
  if (isBrowser || !isOurHost(headers.host)) throw new Fault('browser-refused');
}

function isOurHost(host: string | undefined): boolean {
  return host === 'culvertd' || host === 'localhost';
}

function addCall(app: FastifyInstance, name: CallName, handlers: Handlers, peers: Peers): void {
  const shape: CallShape = CALLS[name];
  const handle = handlers[name] as (body: unknown, uid: number) => unknown;
  app.route({
    method: shape.method,
    url: shape.path,
    exposeHeadRoute: false,
    schema: {
      ...(shape.method === 'POST' ? { body: shape.body } : {}),
      response: { 200: shape.answer },
    },
    onRequest: async (request) => {
      if (shape.who === 'root' && peers(request).uid !== 0) throw new Fault('root-only');
    },
    handler: async (request) => handle(request.body, peers(request).uid),
  });
}

function addEvents(app: FastifyInstance, handlers: Handlers, peers: Peers): void {
  const streams = new EventStreams((listener) => handlers.watch(listener));
  app.addHook('preClose', async () => streams.close());
  app.get(EVENTS_PATH, { exposeHeadRoute: false }, async (request, reply) => {
    const { uid } = peers(request);
    streams.assertRoom(uid);
    const status = await handlers.status(undefined, uid);
    reply.hijack();
    streams.open(reply.raw, uid, status);
  });
}

const STATUS_BY_CODE: Partial<Record<ProblemCode, number>> = {
  'root-only': 403,
  'browser-refused': 403,
  'caller-unknown': 403,
  'login-other-user': 403,
  'login-busy': 409,
  'login-unknown': 409,
  'login-callback': 400,
  'bad-request': 400,
  'link-missing': 400,
  'link-damaged': 400,
  'too-many': 429,
  'too-large': 413,
  'not-signed-in': 409,
  'other-organisation': 409,
  'login-cancelled': 409,
  unexpected: 500,
};

/** A fault without a number of its own is the outside world's: a gateway, the kernel, the disk. */
const OUTSIDE = 502;

function sendError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
  log: LocalApiLog,
): unknown {
  const said = problemOfError(error);
  const status = STATUS_BY_CODE[said.code as ProblemCode] ?? OUTSIDE;
  const fields = { method: request.method, url: request.url.slice(0, 100), code: said.code };
  if (status >= 500) log.warn({ ...fields, error }, 'local call failed');
  else log.debug(fields, 'local call refused');
  return send(reply, status, said);
}

function problemOfError(error: FastifyError): Problem {
  if (error instanceof Fault) return problemOf(error);
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return problem('too-large', { limit: BODY_LIMIT_BYTES });
  const first = error.validation?.[0];
  if (first)
    return problem('bad-request', {
      field: fieldOf(first.instancePath),
      reason: first.message ?? '',
    });
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return problem('bad-request', { field: 'body', reason: error.message.replace(/\.$/, '') });
  }
  return problemOf(error);
}

function fieldOf(path: string): string {
  return path.replace(/^\//, '').replaceAll('/', '.') || 'body';
}

function send(reply: FastifyReply, status: number, said: Problem): unknown {
  reply.code(status).header('content-type', 'application/json; charset=utf-8');
  return reply.serializer((body: unknown) => JSON.stringify(body)).send({ problem: said });
}
