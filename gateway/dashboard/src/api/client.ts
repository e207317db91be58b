/** Calls of the administrator's API: JSON in, checked JSON out, refusals as `Refused` with what is to be said. */
import type { z } from 'zod';
import { CSRF_HEADER, REVISION_HEADER } from '../../../contract/admin-api.ts';
import { ProblemBody } from '../../../contract/problem.ts';
import { isSaidCode, type Said } from '../../../contract/said.ts';

export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | undefined;
  /** Undefined where the page has no words of its own for the code: then the message is in English. */
  readonly says: Said | undefined;

  constructor(status: number, { code, message, field, detail = {} }: ProblemBody) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field;
    this.says = isSaidCode(code) ? { code, detail } : undefined;
  }
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

let onRevision: (revision: number) => void = () => {};

/** Each answer tells the organisation's revision. */
export function watchRevision(listener: (revision: number) => void): void {
  onRevision = listener;
}

export async function call<T>(
  schema: z.ZodType<T>,
  method: Method,
  path: string,
  body?: unknown,
): Promise<T> {
  const answer = await send(method, path, body);
  return schema.parse(await answer.json());
}

/** For calls that answer nothing. */
export async function send(method: Method, path: string, body?: unknown): Promise<Response> {
  const answer = await fetch(`/v1/admin/${path}`, {
    method,
    credentials: 'same-origin',
    headers: {
      accept: 'application/json',
      ...(method === 'GET' ? {} : { [CSRF_HEADER]: '1' }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Refused(0, { code: 'unreachable', message: '' });
  });
  const revision = Number(answer.headers.get(REVISION_HEADER));
  if (Number.isFinite(revision) && revision > 0) onRevision(revision);
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

async function refusal(answer: Response): Promise<Refused> {
  const body = ProblemBody.safeParse(await answer.json().catch(() => undefined));
  if (body.success) return new Refused(answer.status, body.data);
  return new Refused(answer.status, { code: 'unreadable', message: '' });
}
