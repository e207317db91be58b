/** Logs for programs, on standard error. A request's query, headers and body never get into them. */
import type { FastifyRequest } from 'fastify';
import { destination, type Logger, pino } from 'pino';

export function makeLog(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      redact: { paths: SECRETS, censor: '…' },
      serializers: {
        req: (request: FastifyRequest) => ({
          method: request.method,
          path: request.url.split('?')[0],
          from: request.ip,
        }),
        cause: pino.stdSerializers.err,
      },
    },
    destination({ fd: 2, sync: true }),
  );
}

const NAMES = [
  'clientSecret',
  'secret',
  'token',
  'code',
  'cookie',
  'authorization',
  'privateKey',
  'password',
];
const SECRETS = NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
