/**
 * culvertd's local API: HTTP over a Unix socket (`/run/culvert/culvertd.sock`, 0660 root:culvert), answers in JSON.
 * The daemon asks the kernel who is calling (SO_PEERCRED); the client checks that the server is root.
 *
 * | call | who | body → answer |
 * |---|---|---|
 * | GET /v1/status | group | Status |
 * | GET /v1/events | group | server-sent events, `event: status`, data Status; one at once, then on each change |
 * | POST /v1/login/start | group | LoginStart → LoginStarted |
 * | POST /v1/login/finish | who started it | LoginFinish → Status |
 * | POST /v1/login/cancel | who started it | {} → Status |
 * | POST /v1/up, /v1/down | group | {} → Status (at once: `wanted` has changed, `tunnel` follows) |
 * | POST /v1/pause | group | PauseRequest → Status: off now, on again by itself; up and down end it |
 * | POST /v1/logout | group | {} → Status |
 * | POST /v1/why | group | WhyRequest → WhyAnswer |
 * | GET /v1/routes | group | RoutesAnswer |
 * | POST /v1/repair | root | {} → RepairAnswer |
 *
 * A refusal has status 4xx or 5xx and a `ProblemAnswer` body.
 */
import { z } from 'zod';

export const SOCKET_PATH = '/run/culvert/culvertd.sock';

/** Every code has one sentence a language in sentences/. `detail` fills its blanks. */
export const Problem = z.object({
  code: z.string().max(64),
  detail: z.record(z.string(), z.union([z.string(), z.number()])),
});
export type Problem = z.infer<typeof Problem>;
export const ProblemAnswer = z.object({ problem: Problem });

export const Tunnel = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('off') }),
  z.object({
    kind: z.literal('starting'),
    since: z.number(),
    attempt: z.number(),
    problem: Problem.nullable(),
  }),
  z.object({ kind: z.literal('on'), since: z.number() }),
  /** It was on and the way is lost; protection holds. */
  z.object({ kind: z.literal('reconnecting'), since: z.number(), problem: Problem.nullable() }),
  z.object({ kind: z.literal('stopping') }),
  /** Nothing will change by waiting alone; `retryAt` is null when only a person can help. */
  z.object({ kind: z.literal('failed'), problem: Problem, retryAt: z.number().nullable() }),
]);
export type Tunnel = z.infer<typeof Tunnel>;

export const Account = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('signed-out'), problem: Problem.nullable() }),
  z.object({
    kind: z.literal('signing-in'),
    since: z.number(),
    authorizeUrl: z.string(),
    gateway: z.string(),
  }),
  z.object({
    kind: z.literal('signed-in'),
    organisation: z.string(),
    gateway: z.string(),
    user: z.object({ email: z.string(), name: z.string() }),
    deviceId: z.string(),
    /** Unix ms. */
    expiresAt: z.number(),
    /** The configuration stream: traffic goes on without it. */
    stream: z.enum(['connected', 'connecting']),
  }),
]);
export type Account = z.infer<typeof Account>;

export const NetworkStatus = z.object({
  id: z.string(),
  name: z.string(),
  ranges: z.array(z.string()),
  connectors: z.object({ healthy: z.number(), total: z.number() }),
});

export const Notice = z.object({ problem: Problem, actions: z.array(z.string()) });

export const Status = z.object({
  version: z.string(),
  account: Account,
  wanted: z.enum(['on', 'off']),
  /** Unix ms: off until then, on again by itself. Null when it is not a pause; a culvertd that knows none says nothing. */
  pausedUntil: z.number().nullable().default(null),
  tunnel: Tunnel,
  path: z
    .object({
      gateway: z.string(),
      endpoint: z.string(),
      backend: z.enum(['kernel', 'engine']),
      interface: z.string(),
      lastHandshakeAt: z.number().nullable(),
      rttMs: z.number().nullable(),
    })
    .nullable(),
  networks: z.array(NetworkStatus),
  lists: z
    .object({
      profile: z.string(),
      defaultPath: z.enum(['tunnel', 'direct']),
      include: z.number(),
      exclude: z.number(),
      revision: z.number(),
    })
    .nullable(),
  notices: z.array(Notice),
  /** Bytes since the tunnel came up. */
  traffic: z.object({ rxBytes: z.number(), txBytes: z.number() }),
});
export type Status = z.infer<typeof Status>;

/** A day at most: who wants longer wants off. */
export const PauseRequest = z.object({ seconds: z.number().int().min(1).max(86_400) });

export const LoginStart = z.object({
  /** Sign-in link or address. Empty: the organisation this device already knows (renewal). */
  link: z.string().max(2000),
  /** Port on 127.0.0.1 where the front end already listens for the callback. */
  redirectPort: z.number().int().min(1).max(65535),
});
export const LoginStarted = z.object({ loginId: z.string(), authorizeUrl: z.string() });
export const LoginFinish = z.object({
  loginId: z.string().max(64),
  /** Query string of the callback, as received, without the question mark. */
  callback: z.string().max(8000),
});

export const WhyRequest = z.object({
  /** Address or name. */
  destination: z.string().min(1).max(253),
  port: z.number().int().min(1).max(65535).optional(),
  protocol: z.enum(['tcp', 'udp', 'icmp']).optional(),
});

/** One link of the chain, in the order a packet meets them. */
export const WhyStep = z.object({
  step: z.enum(['split-tunnel', 'route', 'gateway', 'connector', 'rule', 'target']),
  /** `unknown`: could not be found out; `skipped`: an earlier step already decides. */
  outcome: z.enum(['ok', 'stop', 'unknown', 'skipped']),
  /** Sentence by code, as with problems. */
  says: Problem,
});
export const WhyAnswer = z.object({
  destination: z.string(),
  address: z.string().nullable(),
  path: z.enum(['tunnel', 'direct']),
  reachable: z.enum(['yes', 'no', 'unknown']),
  /** The whole answer in one sentence. */
  summary: Problem,
  steps: z.array(WhyStep),
});
export type WhyAnswer = z.infer<typeof WhyAnswer>;

export const RouteEntry = z.object({
  cidr: z.string(),
  path: z.enum(['tunnel', 'direct', 'unreachable']),
  /** Where it comes from: `network tokyo-vpc`, `include list of Default`, … */
  because: Problem,
});
export const RoutesAnswer = z.object({
  defaultPath: z.enum(['tunnel', 'direct']),
  routes: z.array(RouteEntry),
});
export type RoutesAnswer = z.infer<typeof RoutesAnswer>;

export const RepairAnswer = z.object({ undone: z.array(z.string()), kept: z.array(z.string()) });
export type RepairAnswer = z.infer<typeof RepairAnswer>;
