/** Calls of the administrator's API: JSON in, checked JSON out, refusals as `Refused` with the sentence to show. */
import type { z } from 'zod';
import { CSRF_HEADER, REVISION_HEADER } from '../../../contract/admin-api.ts';
import { ProblemBody } from '../../../contract/problem.ts';

export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | undefined;

  constructor(status: number, body: ProblemBody) {
    super(body.message);
    this.status = status;
    this.code = body.code;
    this.field = body.field;
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
    throw new Refused(0, {
      code: 'unreachable',
      message: 'The gateway does not answer. Is it running?',
    });
  });
  const revision = Number(answer.headers.get(REVISION_HEADER));
  if (Number.isFinite(revision) && revision > 0) onRevision(revision);
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

async function refusal(answer: Response): Promise<Refused> {
  const body = ProblemBody.safeParse(await answer.json().catch(() => undefined));
  if (body.success) return new Refused(answer.status, body.data);
  return new Refused(answer.status, {
    code: 'unreadable',
    message: `The gateway answered ${answer.status} without a reason. Its log has more.`,
  });
}
