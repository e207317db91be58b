/**
 * How trouble is told inside the device: a `Fault` is thrown where nobody up the stack can act on it, a `Problem` is the
 * same as a value. Both carry a code of `sentences/en.ts` and what fills its blanks, so that the sentence is worded once,
 * at the edge, in the reader's language.
 */
import type { Problem } from './local-api.ts';
import type { ProblemCode } from './sentences/en.ts';

export type Detail = Problem['detail'];

export function problem(code: ProblemCode, detail: Detail = {}): Problem {
  return { code, detail };
}

export class Fault extends Error {
  readonly code: ProblemCode;
  readonly detail: Detail;

  constructor(code: ProblemCode, detail: Detail = {}, cause?: unknown) {
    super(code, { cause });
    this.name = 'Fault';
    this.code = code;
    this.detail = detail;
  }
}

/** What was thrown, as a problem: a fault keeps its code, anything else is `unexpected`. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Fault) return problem(thrown.code, thrown.detail);
  return problem('unexpected', { reason: reasonOf(thrown) });
}

/** The chain of causes in one line, for logs and for the `reason` blank. */
export function reasonOf(thrown: unknown): string {
  const parts: string[] = [];
  for (let at = thrown; at !== undefined && at !== null && parts.length < 5; ) {
    // oxlint-disable-next-line typescript/no-base-to-string -- whatever was thrown that is no Error: its kind is all there is to say
    parts.push(at instanceof Error ? wordOf(at) : String(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return [...new Set(parts)].join(': ').slice(0, 500);
}

function wordOf(error: Error): string {
  if (error instanceof Fault) {
    const detail = Object.entries(error.detail).map(([key, value]) => `${key}=${value}`);
    return [error.code, ...detail].join(' ');
  }
  return error.message || error.name;
}
