/** The empty app: limits, headers, logs, and the rule that nothing below /v1/admin is open by accident. */
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { MAX_BODY_BYTES } from '../../contract/constants.ts';
import { ADMIN_ROOT, rolesFor } from './admin-access.ts';
import { Fault } from './fault.ts';
import { STYLE, STYLE_PATH } from './page.ts';
import { answerProblems } from './problem-answer.ts';
import type { Tls } from './tls.ts';

export interface AppOptions {
  tls: Tls;
  log: FastifyBaseLogger;
  requireAdmin: (request: FastifyRequest) => Promise<void>;
}

export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    https: { key: options.tls.key, cert: options.tls.certificate, minVersion: 'TLSv1.2' },
    loggerInstance: options.log,
    // One line an answer is enough (logAnswers).
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: 30_000,
    connectionTimeout: 0,
    keepAliveTimeout: 72_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
  }) as unknown as FastifyInstance;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  answerProblems(app);
  logAnswers(app);
  keepRawBody(app);
  guardAdminRoutes(app, options.requireAdmin);
  await app.register(helmet, HEADERS);
  await app.register(cookie);
  // Routes that strangers can call ask for it by `config.rateLimit`; behind many gateways it counts for each by itself.
  await app.register(rateLimit, { global: false });
  await app.register(swagger, OPENAPI);
  app.get('/v1/openapi.json', { schema: { hide: true } }, () => app.swagger());
  app.get(STYLE_PATH, { schema: { hide: true } }, (_request, reply) =>
    reply
      .type('text/css; charset=utf-8')
      .header('cache-control', 'public, max-age=3600')
      .send(STYLE),
  );
  return app;
}

/** At most so many calls a minute from one address. */
export function perMinute(max: number): { rateLimit: { max: number; timeWindow: string } } {
  return { rateLimit: { max, timeWindow: '1 minute' } };
}

function logAnswers(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    request.log.info(
      { req: request, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'answered',
    );
  });
}

/** Proofs sign the bytes as they came. Names that could reach an object's prototype are an error, not dropped. */
function keepRawBody(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (request, body: Buffer, done) => {
      request.rawBody = body;
      // Fastify's own parser refuses an empty body, which several calls send on purpose.
      if (body.length === 0) return done(null, undefined);
      void parseJson(request, body.toString('utf8'), done);
    },
  );
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(body as string))),
  );
}

function guardAdminRoutes(app: FastifyInstance, requireAdmin: AppOptions['requireAdmin']): void {
  app.addHook('onRoute', (route) => {
    if (route.url !== ADMIN_ROOT && !route.url.startsWith(`${ADMIN_ROOT}/`)) return;
    for (const method of [route.method].flat()) {
      if (rolesFor(method, route.url) === undefined) {
        throw new Fault(
          'route-unlisted',
          `${method} ${route.url} is missing in http/admin-access.ts.`,
        );
      }
    }
    // Before the body is read, and before whatever the route brings itself.
    route.onRequest = [requireAdmin, ...[route.onRequest ?? []].flat()];
  });
}

const HEADERS = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  },
  // An organisation may publish other things on the same host name.
  strictTransportSecurity: { maxAge: 31_536_000, includeSubDomains: false },
  referrerPolicy: { policy: 'no-referrer' as const },
  crossOriginEmbedderPolicy: false,
};

const OPENAPI = {
  openapi: {
    openapi: '3.1.0',
    info: { title: 'Culvert gateway', version: '1' },
  },
  transform: jsonSchemaTransform,
};
