/** The built dashboard at `/`, and its start page for every address that only the dashboard's own router knows. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendNotice } from './page.ts';
import { answer } from './problem-answer.ts';

const BUILT = join(import.meta.dirname, '../../dashboard/dist');

export async function registerDashboard(app: FastifyInstance, directory = BUILT): Promise<void> {
  const isBuilt = existsSync(join(directory, 'index.html'));
  if (isBuilt) {
    await app.register(fastifyStatic, {
      root: directory,
      wildcard: false,
      index: false,
      schemaHide: true,
      // Names of built assets carry a hash of their content.
      setHeaders: (response, path) =>
        void response.header(
          'cache-control',
          path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
        ),
    });
    app.get('/', { schema: { hide: true } }, (_request, reply) => sendStartPage(reply));
  } else {
    app.get('/', { schema: { hide: true } }, (_request, reply) =>
      sendNotice(
        reply,
        200,
        'The gateway runs',
        'Its dashboard is not built on this machine. Build it with: npm run setup',
      ),
    );
  }
  app.setNotFoundHandler((request, reply) =>
    isBuilt && isDashboardAddress(request) ? sendStartPage(reply) : notFound(request, reply),
  );
}

function sendStartPage(reply: FastifyReply): FastifyReply {
  return reply
    .header('content-security-policy', POLICY)
    .header('cache-control', 'no-cache')
    .sendFile('index.html');
}

/** A missing picture or script stays missing; only pages are the dashboard's to answer. */
function isDashboardAddress(request: FastifyRequest): boolean {
  const path = request.url.split('?')[0] ?? '';
  const isOurs = ['/v1/', '/oauth/', '/install/', '/.well-known/'].some((root) =>
    path.startsWith(root),
  );
  const wantsPage = (request.headers.accept ?? '').includes('text/html');
  return request.method === 'GET' && wantsPage && !isOurs;
}

function notFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return answer(request, reply, 404, {
    code: 'not-found',
    message: 'There is nothing at this address.',
  });
}

/** Styles may be inline because the component library writes its variables into a style element. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');
