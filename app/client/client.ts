/** The local API as functions: typed by the contract, and held to it on both sides. */
import type { IncomingMessage } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { z } from 'zod';
import type { Problem } from '../contract/local-api.ts';
import {
  type LoginFinish,
  type LoginStart,
  LoginStarted,
  type PauseRequest,
  ProblemAnswer,
  RepairAnswer,
  RoutesAnswer,
  SOCKET_PATH,
  Status,
  WhyAnswer,
  type WhyRequest,
} from '../contract/local-api.ts';
import { Fault, problemOf, reasonOf } from '../contract/problem.ts';
import { type ReadCredentials, requirePeerCredentials } from '../peer/peer-credentials.ts';
import { type LocalCall, openCall } from './local-call.ts';

/** A refusal of culvertd, with its own code, which may be newer than this program. */
export class Refused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.code);
    this.name = 'Refused';
    this.problem = problem;
  }
}

/** Whatever a call threw, as a problem. */
export function problemOfCall(thrown: unknown): Problem {
  return thrown instanceof Refused ? thrown.problem : problemOf(thrown);
}

/** Local calls answer at once; only those that ask a gateway take longer. */
const QUICK_MS = 5000;
const SLOW_MS = 45_000;
/** Ten thousand routes with their reasons are about two megabytes. */
const MAX_ANSWER_CHARACTERS = 16 * 1024 * 1024;
const FOLLOW_AGAIN_MS = 1000;

export class LocalClient {
  readonly #socketPath: string;
  readonly #credentialsOf: ReadCredentials;

  constructor(socketPath = SOCKET_PATH, credentialsOf = requirePeerCredentials()) {
    this.#socketPath = socketPath;
    this.#credentialsOf = credentialsOf;
  }

  status(): Promise<Status> {
    return this.#call('GET', '/v1/status', undefined, Status, QUICK_MS);
  }

  startLogin(start: z.infer<typeof LoginStart>): Promise<z.infer<typeof LoginStarted>> {
    return this.#call('POST', '/v1/login/start', start, LoginStarted, SLOW_MS);
  }

  finishLogin(finish: z.infer<typeof LoginFinish>): Promise<Status> {
    return this.#call('POST', '/v1/login/finish', finish, Status, SLOW_MS);
  }

  cancelLogin(): Promise<Status> {
    return this.#call('POST', '/v1/login/cancel', {}, Status, QUICK_MS);
  }

  up(): Promise<Status> {
    return this.#call('POST', '/v1/up', {}, Status, QUICK_MS);
  }

  down(): Promise<Status> {
    return this.#call('POST', '/v1/down', {}, Status, QUICK_MS);
  }

  pause(request: z.infer<typeof PauseRequest>): Promise<Status> {
    return this.#call('POST', '/v1/pause', request, Status, QUICK_MS);
  }

  logout(): Promise<Status> {
    return this.#call('POST', '/v1/logout', {}, Status, SLOW_MS);
  }

  why(request: z.infer<typeof WhyRequest>): Promise<WhyAnswer> {
    return this.#call('POST', '/v1/why', request, WhyAnswer, SLOW_MS);
  }

  routes(): Promise<RoutesAnswer> {
    return this.#call('GET', '/v1/routes', undefined, RoutesAnswer, SLOW_MS);
  }

  repair(): Promise<z.infer<typeof RepairAnswer>> {
    return this.#call('POST', '/v1/repair', {}, RepairAnswer, SLOW_MS);
  }

  /** Each status until the signal or the end of the daemon, which throws. */
  async *watch(signal: AbortSignal): AsyncGenerator<Status> {
    const answer = await this.#open({ method: 'GET', path: '/v1/events', signal });
    if (answer.statusCode !== 200) throw await refusalOf(answer);
    try {
      yield* statusesOf(answer);
    } catch (cause) {
      if (signal.aborted) return;
      throw cause instanceof Fault ? cause : new Fault('daemon-gone', {}, cause);
    }
    if (!signal.aborted) throw new Fault('daemon-gone');
  }

  /** Calls back with each status, or with why there is none; keeps trying until the signal. */
  follow(
    listener: (status: Status | null, problem: Problem | null) => void,
    signal: AbortSignal,
  ): void {
    void this.#follow(listener, signal);
  }

  async #follow(...[listener, signal]: Parameters<LocalClient['follow']>): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const status of this.watch(signal)) listener(status, null);
      } catch (cause) {
        if (!signal.aborted) listener(null, problemOfCall(cause));
      }
      // Ends early, and by throwing, with the signal.
      await setTimeout(FOLLOW_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #call<T>(
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    shape: z.ZodType<T>,
    timeoutMs: number,
  ): Promise<T> {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await this.#open({ method, path, body, signal });
      if (answer.statusCode !== 200) throw await refusalOf(answer);
      return parse(await readText(answer), shape);
    } catch (cause) {
      throw signal.aborted ? new Fault('daemon-silent', { waitedMs: timeoutMs }, cause) : cause;
    }
  }

  #open(call: Pick<LocalCall, 'method' | 'path' | 'body' | 'signal'>): Promise<IncomingMessage> {
    return openCall({ ...call, socketPath: this.#socketPath, credentialsOf: this.#credentialsOf });
  }
}

async function* statusesOf(answer: IncomingMessage): AsyncGenerator<Status> {
  const arrived: string[] = [];
  const parser = createParser({
    onEvent: ({ event, data }) => {
      if (event === 'status') arrived.push(data);
    },
  });
  answer.setEncoding('utf8');
  for await (const chunk of answer as AsyncIterable<string>) {
    parser.feed(chunk);
    for (const data of arrived.splice(0)) yield parse(data, Status);
  }
}

async function refusalOf(answer: IncomingMessage): Promise<Refused> {
  return new Refused(parse(await readText(answer), ProblemAnswer).problem);
}

function parse<T>(text: string, shape: z.ZodType<T>): T {
  try {
    return shape.parse(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : reasonOf(cause);
    throw new Fault('daemon-answer', { reason }, cause);
  }
}

async function readText(answer: IncomingMessage): Promise<string> {
  let text = '';
  answer.setEncoding('utf8');
  for await (const chunk of answer as AsyncIterable<string>) {
    text += chunk;
    if (text.length > MAX_ANSWER_CHARACTERS)
      throw new Fault('daemon-answer', { reason: 'it is too long' });
  }
  return text;
}
