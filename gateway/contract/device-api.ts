/**
 * Device ⇄ gateway, below `https://GATEWAY`.
 *
 * | call | auth | body → answer |
 * |---|---|---|
 * | POST /v1/devices/challenge | none | {} → KeyChallenge |
 * | POST /v1/devices/enrol | `Authorization: DPoP <access token>` + `DPoP` header (RFC 9449), both by the identity key | EnrolRequest → EnrolAnswer |
 * | GET /v1/device/stream | Culvert-Proof | WebSocket, messages below |
 * | POST /v1/device/explain | Culvert-Proof | ExplainRequest → ExplainAnswer |
 * | POST /v1/device/leave | Culvert-Proof | {} → 204; the device is removed (sign out) |
 *
 * OAuth: authorisation server at the trust statement's `issuer`; public client `culvert-device`, code + PKCE S256,
 * redirect `http://127.0.0.1:<any port>/cb`, scope `openid enrol`, tokens DPoP-bound. Enrolling again with the same keys
 * and a fresh token renews the session of the same device.
 */
import { z } from 'zod';
import { IpAddress } from './net/text.ts';
import { WireGuardKey } from './snapshot.ts';

export const DEVICE_CLIENT_ID = 'culvert-device';
export const DEVICE_SCOPE = 'openid enrol';
export const DEVICE_REDIRECT_PATH = '/cb';

export const EnrolRequest = z.object({
  challengeId: z.string().max(64),
  /** base64url, see proof.ts. */
  keyProof: z.string().max(64),
  wireguardKey: WireGuardKey,
  name: z.string().min(1).max(200),
  os: z.enum(['linux', 'macos', 'windows', 'ios', 'android', 'other']),
  osVersion: z.string().max(100).optional(),
  clientVersion: z.string().max(40),
});
export type EnrolRequest = z.infer<typeof EnrolRequest>;

export const EnrolAnswer = z.object({
  deviceId: z.string().max(64),
  /** Compact JWS of a DeviceConfig. */
  snapshot: z.string(),
});
export type EnrolAnswer = z.infer<typeof EnrolAnswer>;

/** Gateway → device or connector. Unknown types are ignored, so that an older receiver survives a newer gateway. */
export const StreamMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('snapshot'), snapshot: z.string() }),
  /** The device or connector was removed, or its session ended: stop, and say so. */
  z.object({
    type: z.literal('ended'),
    reason: z.enum(['removed', 'session-expired', 'replaced']),
  }),
]);
export type StreamMessage = z.infer<typeof StreamMessage>;

/** Device or connector → gateway. */
export const StreamReply = z.discriminatedUnion('type', [
  z.object({ type: z.literal('applied'), revision: z.number().int() }),
  z.object({
    type: z.literal('refused'),
    revision: z.number().int(),
    problem: z.string().max(500),
  }),
  /** Connector only: sent at once on change and every 15 s. `reachable` is false for a range that cannot be reached. */
  z.object({
    type: z.literal('health'),
    ranges: z.array(z.object({ cidr: z.string().max(64), reachable: z.boolean() })).max(10_000),
    /** What the host sees around itself, offered as ranges in the dashboard. */
    suggestions: z.array(z.string().max(64)).max(64),
    ping: z.enum(['works', 'needs-sysctl']),
  }),
]);
export type StreamReply = z.infer<typeof StreamReply>;

export const ExplainRequest = z.object({
  destination: IpAddress,
  protocol: z.enum(['tcp', 'udp', 'icmp']),
  port: z.number().int().min(0).max(65535).optional(),
});
export type ExplainRequest = z.infer<typeof ExplainRequest>;

/** The gateway's half of `culvert why`. */
export const ExplainAnswer = z.object({
  gateway: z.object({ id: z.string(), name: z.string(), lastHandshakeAt: z.number().nullable() }),
  network: z.object({ id: z.string(), name: z.string(), range: z.string() }).nullable(),
  connector: z
    .object({ id: z.string(), name: z.string(), healthy: z.number(), total: z.number() })
    .nullable(),
  /** The rule that decides; null means no rule matches, which refuses. */
  rule: z
    .object({
      id: z.string(),
      name: z.string(),
      number: z.number(),
      action: z.enum(['allow', 'block']),
    })
    .nullable(),
  verdict: z.enum(['allowed', 'blocked', 'no-rule', 'no-network', 'no-connector']),
  contact: z.string().optional(),
});
export type ExplainAnswer = z.infer<typeof ExplainAnswer>;
