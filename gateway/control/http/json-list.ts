/** A long list as an answer: written page by page, so that neither the event loop nor the memory holds all of it at once. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';

export function sendList<T>(
  reply: FastifyReply,
  shape: z.ZodType<T>,
  pages: AsyncIterable<T[]>,
): FastifyReply {
  return reply
    .type('application/json; charset=utf-8')
    .send(Readable.from(textOf(z.array(shape), pages)));
}

async function* textOf<T>(
  shape: z.ZodType<T[]>,
  pages: AsyncIterable<T[]>,
): AsyncGenerator<string> {
  let separator = '[';
  for await (const page of pages) {
    if (page.length === 0) continue;
    yield separator + JSON.stringify(shape.parse(page)).slice(1, -1);
    separator = ',';
  }
  yield separator === '[' ? '[]' : ']';
}
