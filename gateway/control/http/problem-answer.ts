/** Turns whatever a route throws into an answer: a problem body for programs, a page for people. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemBody } from '../../contract/problem.ts';
import { Refusal } from './fault.ts';
import { sendNotice } from './page.ts';

export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => {
    const { status, body } = problemOf(error as FastifyError);
    if (status >= 500) request.log.error({ error: body.code, cause: error }, 'request failed');
    return answer(request, reply, status, body);
  });
}

export function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  body: ProblemBody,
): FastifyReply {
  if (!isForPerson(request)) return reply.status(status).send(body);
  return sendNotice(reply, status, TITLES[status] ?? 'That did not work', body.message);
}

function isForPerson(request: FastifyRequest): boolean {
  return !request.url.startsWith('/v1/') && (request.headers.accept ?? '').includes('text/html');
}

function problemOf(error: FastifyError): { status: number; body: ProblemBody } {
  if (error instanceof Refusal) {
    const { status, code, message, field, detail } = error;
    const more = { ...(field === undefined ? {} : { field }), ...(detail ? { detail } : {}) };
    return { status, body: { code, message, ...more } };
  }
  if (error.validation) return { status: 400, body: invalid(error) };
  const status = error.statusCode ?? 500;
  return {
    status: status < 400 || status > 599 ? 500 : status,
    body: BY_STATUS[status] ?? UNEXPECTED,
  };
}

function invalid(error: FastifyError): ProblemBody {
  const [first] = error.validation ?? [];
  const field = (first?.instancePath ?? '').replace(/^\//, '').replaceAll('/', '.');
  const reason = first?.message ?? 'it does not fit';
  const message = `${field === '' ? 'The request' : `“${field}”`} is not right: ${reason}.`;
  return {
    code: 'bad-request',
    message: message.slice(0, 1000),
    ...(field === '' ? {} : { field }),
  };
}

const UNEXPECTED: ProblemBody = {
  code: 'unexpected',
  message:
    'The gateway failed at this. Try again; if it stays, an administrator finds the reason in the gateway’s log.',
};

const BY_STATUS: Record<number, ProblemBody> = {
  400: { code: 'bad-request', message: 'The request is not one that the gateway understands.' },
  404: { code: 'not-found', message: 'There is nothing at this address.' },
  413: { code: 'too-large', message: 'The request is larger than 64 KiB.' },
  415: { code: 'bad-request', message: 'Send the request as JSON.' },
  429: { code: 'too-many-requests', message: 'Too many attempts. Wait a minute, then try again.' },
};

const TITLES: Record<number, string> = {
  403: 'Not allowed',
  404: 'Not found',
  429: 'Too many attempts',
  500: 'Something went wrong',
};
