/** Logs are fields, one JSON line each, on stderr. Errors are told by their chain of messages, never with what they carry. */
import { destination, type Logger, pino } from 'pino';
import { reasonOf } from '../contract/problem.ts';

/** Values under these names are never printed, wherever they sit. */
const SECRETS = [
  'privateKey',
  'identityKey',
  'wireguardKey',
  'accessToken',
  'callback',
  'verifier',
  'authorization',
];

export function createLog(level: string): Logger {
  const options = {
    name: 'culvertd',
    level,
    serializers: { cause: reasonOf, error: reasonOf, err: reasonOf },
    redact: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
  };
  // Synchronous: the last line before a crash is the one that matters.
  return pino(options, destination({ dest: 2, sync: true }));
}
