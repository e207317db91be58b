/** Every call of the local API, and who may make it. A route that is not here does not exist. */
import { z } from 'zod';
import {
  LoginFinish,
  LoginStart,
  LoginStarted,
  PauseRequest,
  RepairAnswer,
  RoutesAnswer,
  Status,
  WhyAnswer,
  WhyRequest,
} from '../../contract/local-api.ts';

/**
 * `group`: whoever the socket's mode lets in (root and group culvert). Calls of a sign-in are `group` here; that they
 * belong to the user who started it is checked where the sign-in is.
 */
export type Who = 'group' | 'root';

export interface CallShape {
  method: 'GET' | 'POST';
  path: string;
  who: Who;
  body: z.ZodType;
  answer: z.ZodType;
}

const Nothing = z.object({}).nullish();

export const CALLS = {
  status: { method: 'GET', path: '/v1/status', who: 'group', body: Nothing, answer: Status },
  startLogin: {
    method: 'POST',
    path: '/v1/login/start',
    who: 'group',
    body: LoginStart,
    answer: LoginStarted,
  },
  finishLogin: {
    method: 'POST',
    path: '/v1/login/finish',
    who: 'group',
    body: LoginFinish,
    answer: Status,
  },
  cancelLogin: {
    method: 'POST',
    path: '/v1/login/cancel',
    who: 'group',
    body: Nothing,
    answer: Status,
  },
  up: { method: 'POST', path: '/v1/up', who: 'group', body: Nothing, answer: Status },
  down: { method: 'POST', path: '/v1/down', who: 'group', body: Nothing, answer: Status },
  pause: { method: 'POST', path: '/v1/pause', who: 'group', body: PauseRequest, answer: Status },
  logout: { method: 'POST', path: '/v1/logout', who: 'group', body: Nothing, answer: Status },
  why: { method: 'POST', path: '/v1/why', who: 'group', body: WhyRequest, answer: WhyAnswer },
  routes: { method: 'GET', path: '/v1/routes', who: 'group', body: Nothing, answer: RoutesAnswer },
  repair: { method: 'POST', path: '/v1/repair', who: 'root', body: Nothing, answer: RepairAnswer },
} as const satisfies Record<string, CallShape>;

export type CallName = keyof typeof CALLS;

export const EVENTS_PATH = '/v1/events';

/** What the daemon does for each call; main.ts hands these over. `uid` is the caller's. */
export type Handlers = {
  [Name in CallName]: (
    body: z.output<(typeof CALLS)[Name]['body']>,
    uid: number,
  ) => Answer<Name> | Promise<Answer<Name>>;
} & {
  /** Calls back on each change until the answer is called. */
  watch(listener: (status: Status) => void): () => void;
};

type Answer<Name extends CallName> = z.output<(typeof CALLS)[Name]['answer']>;
