/** What each exit code means, and which problem leads to it. `culvert help exit-codes` prints this table. */
import type { Problem } from '../contract/local-api.ts';
import type { ProblemCode } from '../contract/sentences/en.ts';

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  noDaemon: 3,
  signedOut: 4,
  refused: 5,
  unreachable: 6,
  blocked: 7,
  late: 8,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANINGS: readonly { code: ExitCode; meaning: string }[] = [
  { code: EXIT.done, meaning: 'it is done, or the answer is yes' },
  { code: EXIT.failed, meaning: 'it failed; the sentence on stderr says why' },
  { code: EXIT.usage, meaning: 'the command line does not fit' },
  { code: EXIT.noDaemon, meaning: 'culvertd does not run, or does not answer' },
  { code: EXIT.signedOut, meaning: 'this device is not signed in, or its session ended' },
  { code: EXIT.refused, meaning: 'you may not do this, or your organisation refused it' },
  { code: EXIT.unreachable, meaning: 'the gateway cannot be reached, or is not the right one' },
  { code: EXIT.blocked, meaning: 'why: the destination cannot be reached' },
  { code: EXIT.late, meaning: 'up --wait: it is not connected in time; it goes on trying' },
  { code: EXIT.interrupted, meaning: 'interrupted (Ctrl C)' },
];

const BY_CODE: Partial<Record<ProblemCode, ExitCode>> = {
  'daemon-not-running': EXIT.noDaemon,
  'daemon-silent': EXIT.noDaemon,
  'daemon-gone': EXIT.noDaemon,
  'daemon-not-permitted': EXIT.refused,
  'daemon-not-root': EXIT.refused,
  'daemon-unverified': EXIT.refused,
  'root-only': EXIT.refused,
  'caller-unknown': EXIT.refused,
  'browser-refused': EXIT.refused,
  'not-root': EXIT.refused,
  'login-other-user': EXIT.refused,
  'login-busy': EXIT.refused,
  'login-denied': EXIT.refused,
  'enrol-refused': EXIT.refused,
  'other-organisation': EXIT.refused,
  'not-signed-in': EXIT.signedOut,
  'session-expired': EXIT.signedOut,
  'device-removed': EXIT.signedOut,
  'device-replaced': EXIT.signedOut,
  'link-missing': EXIT.usage,
  'link-damaged': EXIT.usage,
  'bad-request': EXIT.usage,
  'gateway-unreachable': EXIT.unreachable,
  'gateway-certificate': EXIT.unreachable,
  'gateway-not-culvert': EXIT.unreachable,
  'gateway-answer': EXIT.unreachable,
  'gateway-says': EXIT.unreachable,
  'gateway-name': EXIT.unreachable,
  'organisation-key-differs': EXIT.unreachable,
  'trust-refused': EXIT.unreachable,
  'no-handshake': EXIT.unreachable,
  'path-lost': EXIT.unreachable,
  'connect-late': EXIT.late,
};

export function exitCodeOf({ code }: Problem): ExitCode {
  return Object.hasOwn(BY_CODE, code) ? (BY_CODE[code as ProblemCode] ?? EXIT.failed) : EXIT.failed;
}
