/**
 * The administrator's REST API, below `/v1/admin`, as the dashboard uses it. OpenAPI 3.1 at `/v1/openapi.json`.
 *
 * Auth: the `__Host-culvert` cookie of a signed-in administrator; every call but GET also needs the header
 * `Culvert-Csrf: 1` (a cross-site form cannot send it). Refusals: `ProblemBody`.
 * Changes answer the changed thing; the organisation's revision is in the `Culvert-Revision` header of each answer.
 *
 * | call | → answer |
 * |---|---|
 * | GET session · POST session/end | Session |
 * | GET overview | Overview |
 * | GET networks · POST networks {name} · GET/PATCH/DELETE networks/:id | Network |
 * | POST networks/:id/ranges {cidr} · DELETE networks/:id/ranges?cidr= | Network |
 * | POST networks/:id/removal {cidr?} | Removal: what removing that range, or the network, would do |
 * | POST networks/:id/connector-token {expiresInSeconds?} | ConnectorInstall (shown once) |
 * | DELETE connectors/:id | 204 |
 * | GET rules · POST rules (RuleInput) · PATCH/DELETE rules/:id · POST rules/order {ids} | Rule |
 * | GET devices · DELETE devices/:id | Device |
 * | GET people · PATCH people/:id {role} | Person |
 * | GET groups | string[] |
 * | GET profiles · PATCH profiles/:id {splitTunnel} · POST profiles/:id/preview {splitTunnel} | Profile, SplitPreview |
 * | GET audit?before= | AuditEntry[] |
 * | GET events | server-sent events: `event: change`, data Change; read again what it names |
 */
import { z } from 'zod';
import { Cidr } from './net/text.ts';
import { Said } from './said.ts';
import { SplitTunnel } from './snapshot.ts';

export const CSRF_HEADER = 'culvert-csrf';
export const REVISION_HEADER = 'culvert-revision';

export const Session = z.object({
  user: z.object({ id: z.string(), email: z.string(), name: z.string() }),
  role: z.enum(['owner', 'admin', 'member']),
  organisation: z.object({ id: z.string(), name: z.string() }),
  /** What a person pastes into the app to sign in. */
  joinLink: z.string(),
  revision: z.number(),
});
export type Session = z.infer<typeof Session>;

export const Connector = z.object({
  id: z.string(),
  name: z.string(),
  networkId: z.string(),
  version: z.string(),
  /** `online`: its stream is open and its tunnel is up. `degraded`: one of the two. */
  state: z.enum(['online', 'degraded', 'offline']),
  /** When not online, or when ping needs a sysctl. */
  note: Said.nullable(),
  lastSeenAt: z.number().nullable(),
  joinedAt: z.number(),
  appliedRevision: z.number().nullable(),
  suggestions: z.array(z.string()),
});
export type Connector = z.infer<typeof Connector>;

export const Network = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: z.number(),
  ranges: z.array(z.object({ cidr: Cidr, problem: Said.nullable() })),
  connectors: z.array(Connector),
  /** Ids of the rules that name this network. None: nobody may reach it. */
  ruleIds: z.array(z.string()),
});
export type Network = z.infer<typeof Network>;
export const NetworkInput = z.object({ name: z.string().trim().min(1).max(100) });
export const RangeInput = z.object({ cidr: Cidr });
/** Without a range: the whole network. */
export const RemovalInput = z.object({ cidr: Cidr.optional() });
export const Removal = z.object({ effects: z.array(Said) });
export type Removal = z.infer<typeof Removal>;
export const ConnectorTokenInput = z.object({
  expiresInSeconds: z.number().int().min(60).max(31_536_000).optional(),
});
export const ConnectorInstall = z.object({
  /** The one line to paste on a machine in the network. */
  command: z.string(),
  token: z.string(),
  expiresAt: z.number(),
});
export type ConnectorInstall = z.infer<typeof ConnectorInstall>;

/** Who a rule is about. */
export const Subject = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('everyone') }),
  z.object({ kind: z.literal('user'), id: z.string() }),
  z.object({ kind: z.literal('group'), name: z.string().min(1).max(200) }),
  z.object({ kind: z.literal('device'), id: z.string() }),
]);
export type Subject = z.infer<typeof Subject>;

export const PortRange = z
  .object({ from: z.number().int().min(1).max(65535), to: z.number().int().min(1).max(65535) })
  .refine((range) => range.from <= range.to, 'the first port of a range comes before its last');

export const RuleInput = z.object({
  name: z.string().trim().min(1).max(100),
  action: z.enum(['allow', 'block']),
  subjects: z.array(Subject).min(1).max(1000),
  /** Empty: every network. */
  networkIds: z.array(z.string()).max(1000),
  /** Empty: every address of those networks. */
  ranges: z.array(Cidr).max(10_000),
  protocol: z.enum(['any', 'tcp', 'udp', 'icmp']),
  /** Empty: every port. Only with tcp or udp. */
  ports: z.array(PortRange).max(1000),
  enabled: z.boolean(),
});
export type RuleInput = z.infer<typeof RuleInput>;
export const Rule = RuleInput.extend({
  id: z.string(),
  /** Position, first match decides. */ number: z.number(),
});
export type Rule = z.infer<typeof Rule>;

export const Device = z.object({
  id: z.string(),
  name: z.string(),
  os: z.string(),
  clientVersion: z.string(),
  user: z.object({ id: z.string(), email: z.string() }),
  ipv4: z.string(),
  ipv6: z.string().nullable(),
  state: z.enum(['connected', 'online', 'offline', 'expired']),
  lastHandshakeAt: z.number().nullable(),
  enrolledAt: z.number(),
  sessionExpiresAt: z.number(),
  appliedRevision: z.number().nullable(),
  wantedRevision: z.number(),
  /** Why the device refused the wanted revision. */
  problem: z.string().nullable(),
});
export type Device = z.infer<typeof Device>;

export const Person = z.object({
  id: z.string(),
  email: z.string(),
  name: z.string(),
  role: z.enum(['owner', 'admin', 'member']),
  groups: z.array(z.string()),
  deviceCount: z.number(),
  lastSignInAt: z.number().nullable(),
});
export type Person = z.infer<typeof Person>;

export const Profile = z.object({
  id: z.string(),
  name: z.string(),
  isDefault: z.boolean(),
  splitTunnel: SplitTunnel,
  deviceCount: z.number(),
});
export type Profile = z.infer<typeof Profile>;
export const ProfileInput = z.object({ splitTunnel: SplitTunnel });

/** What saving would do; `warnings` offer a one-click fix where there is one. */
export const SplitPreview = z.object({
  deviceCount: z.number(),
  /** Most important first: "192.168.0.0/24 stops going through tokyo-vpc." */
  effects: z.array(Said),
  /** A fix is what to take out of one list: the lists whole may be long. */
  warnings: z.array(
    z.object({
      says: Said,
      fix: z.object({
        label: Said,
        list: z.enum(['include', 'exclude']),
        /** As they are written in the list. */
        entries: z.array(Cidr),
      }),
    }),
  ),
  /** Set when the change cannot be saved: why. */
  refusal: Said.nullable(),
});
export type SplitPreview = z.infer<typeof SplitPreview>;

export const Overview = z.object({
  revision: z.number(),
  /** How many devices that are online have applied it. */
  devices: z.object({ total: z.number(), online: z.number(), current: z.number() }),
  people: z.number(),
  networks: z.number(),
  connectors: z.object({ total: z.number(), online: z.number() }),
  /** `about`: the name of the thing it concerns; null for the gateway itself. */
  problems: z.array(z.object({ about: z.string().nullable(), says: Said, link: z.string() })),
  /** Newest first, at most 20. */
  recent: z.array(z.object({ at: z.number(), who: z.string(), what: z.string() })),
  /** Bytes a second through the gateway, newest last, one point a second, at most 60. */
  traffic: z.array(z.object({ at: z.number(), fromDevices: z.number(), toDevices: z.number() })),
});
export type Overview = z.infer<typeof Overview>;

export const AuditEntry = z.object({
  id: z.number(),
  at: z.number(),
  who: z.string(),
  what: z.string(),
  before: z.unknown(),
  after: z.unknown(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/** What changed, so that a page knows what to read again. */
export const Change = z.object({
  topics: z.array(
    z.enum([
      'networks',
      'connectors',
      'rules',
      'devices',
      'people',
      'profiles',
      'overview',
      'audit',
    ]),
  ),
  revision: z.number(),
});
export type Change = z.infer<typeof Change>;

/** First run: `POST /v1/setup`, with the one-time code of the set-up link; afterwards that person signs in as owner. */
export const SetupRequest = z.object({
  code: z.string().max(100),
  organisation: z.string().trim().min(1).max(200),
  provider: z.object({
    issuer: z.url(),
    clientId: z.string().min(1).max(500),
    clientSecret: z.string().min(1).max(500),
    /** Claim that holds the groups, `groups` for most providers. */
    groupsClaim: z.string().max(100).default('groups'),
  }),
  /** Who becomes owner at first sign-in: the address the provider gives and calls verified. */
  ownerEmail: z.email(),
});
export type SetupRequest = z.infer<typeof SetupRequest>;
