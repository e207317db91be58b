/** Server-sent events for the dashboard: what changed, so that it reads that again. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { said } from '../../contract/said.ts';
import { ADMIN_ROOT } from '../http/admin-access.ts';
import { Refusal } from '../http/fault.ts';
import type { AdminParts } from './admin-parts.ts';

const MOST_READERS = 500;
/** Proxies close what is silent for a minute. */
const HEARTBEAT_MS = 20_000;
/** A browser that does not read gets a fresh start, not a growing queue. */
const MOST_UNREAD_BYTES = 64 * 1024;

export function registerEvents(app: FastifyInstance, { store, signedIn }: AdminParts): void {
  const readers = new Map<FastifyReply, number>();
  const write = (reply: FastifyReply, text: string): void => {
    if (reply.raw.writableLength > MOST_UNREAD_BYTES) reply.raw.destroy();
    else reply.raw.write(text);
  };
  const stopListening = store.onChange((change) => {
    for (const reply of readers.keys())
      write(reply, `event: change\ndata: ${JSON.stringify(change)}\n\n`);
  });
  const timer = setInterval(() => {
    for (const [reply, expiresAt] of readers) {
      // A session that has ended must not go on watching.
      if (expiresAt <= store.clock()) reply.raw.end();
      else write(reply, ': still here\n\n');
    }
  }, HEARTBEAT_MS).unref();

  app.addHook('preClose', async () => {
    stopListening();
    clearInterval(timer);
    for (const reply of readers.keys()) reply.raw.end();
  });

  app.get(`${ADMIN_ROOT}/events`, async (request, reply) => {
    if (readers.size >= MOST_READERS) {
      throw Refusal.saying(503, said('busy'));
    }
    const revision = await store.revision();
    reply.hijack();
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) reply.raw.setHeader(name, value);
    }
    reply.raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    readers.set(reply, signedIn(request).expiresAt);
    reply.raw.on('close', () => readers.delete(reply));
    reply.raw.on('error', () => readers.delete(reply));
    // Whoever connects may have missed something: everything is worth reading once.
    write(
      reply,
      `retry: 1000\nevent: change\ndata: ${JSON.stringify({ topics: TOPICS, revision })}\n\n`,
    );
  });
}

const TOPICS = [
  'networks',
  'connectors',
  'rules',
  'devices',
  'people',
  'profiles',
  'overview',
  'audit',
];
