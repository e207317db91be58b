/**
 * Whole-snapshot configuration (DESIGN: "A whole snapshot is the unit"). The gateway signs each with the organisation
 * key as a compact JWS (alg EdDSA, typ `culvert-snapshot+jwt`, kid = fingerprint); the payload is one of these types.
 *
 * A receiver refuses, and keeps its last good snapshot, when: the signature or key differs, `receiver` is not itself,
 * `revision` is lower than the one it has, `expiresAt` is past, or the payload does not validate.
 */
import { z } from 'zod';
import { Cidr, IpAddress } from './net/text.ts';

/** Raw 32-byte X25519 public key in standard base64, as `wg` prints it. */
export const WireGuardKey = z.string().regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/);

/** `203.0.113.7:51820` or `[2001:db8::7]:51820`. Names are allowed so that a gateway may move; they are resolved. */
export const Endpoint = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/)
  .max(300);

export const SNAPSHOT_TYP = 'culvert-snapshot+jwt';

export const DefaultPath = z.enum(['tunnel', 'direct']);
export type DefaultPath = z.infer<typeof DefaultPath>;

/** One entry of an include or exclude list. */
export const SplitEntry = z.union([
  z.object({ cidr: Cidr, note: z.string().max(200).optional() }),
  z.object({ domain: z.string().max(253), note: z.string().max(200).optional() }),
]);
export type SplitEntry = z.infer<typeof SplitEntry>;

export const SplitTunnel = z.object({
  defaultPath: DefaultPath,
  include: z.array(SplitEntry).max(10_000),
  exclude: z.array(SplitEntry).max(10_000),
});
export type SplitTunnel = z.infer<typeof SplitTunnel>;

const header = {
  v: z.literal(1),
  /** Device or connector id. */
  receiver: z.string().max(64),
  revision: z.number().int().nonnegative(),
  /** Unix milliseconds. */
  issuedAt: z.number().int(),
  expiresAt: z.number().int(),
};

export const GatewayPeer = z.object({
  id: z.string().max(64),
  name: z.string().max(200),
  publicKey: WireGuardKey,
  /** In order of preference. */
  endpoints: z.array(Endpoint).min(1).max(16),
});
export type GatewayPeer = z.infer<typeof GatewayPeer>;

export const ConnectorHealth = z.object({ healthy: z.number().int(), total: z.number().int() });

export const DeviceNetwork = z.object({
  id: z.string().max(64),
  name: z.string().max(200),
  ranges: z.array(Cidr).max(10_000),
  connectors: ConnectorHealth,
});
export type DeviceNetwork = z.infer<typeof DeviceNetwork>;

export const DeviceConfig = z.object({
  kind: z.literal('device'),
  ...header,
  organisation: z.object({ id: z.string().max(64), name: z.string().max(200) }),
  user: z.object({ id: z.string().max(64), email: z.string().max(320), name: z.string().max(200) }),
  /** The data plane itself cuts the device at this moment (Unix ms). */
  session: z.object({ expiresAt: z.number().int() }),
  addresses: z.object({ ipv4: IpAddress, ipv6: IpAddress.optional() }),
  mtu: z.number().int().min(1280).max(9000),
  keepaliveSeconds: z.number().int().min(0).max(65535),
  gateways: z.array(GatewayPeer).max(64),
  /** Only networks in which some rule lets this user reach something. */
  networks: z.array(DeviceNetwork).max(1000),
  profile: z.object({
    id: z.string().max(64),
    name: z.string().max(200),
    splitTunnel: SplitTunnel,
  }),
  /** Who to ask, shown beside a refusal. */
  contact: z.string().max(320).optional(),
});
export type DeviceConfig = z.infer<typeof DeviceConfig>;

export const ConnectorConfig = z.object({
  kind: z.literal('connector'),
  ...header,
  network: z.object({
    id: z.string().max(64),
    name: z.string().max(200),
    ranges: z.array(Cidr).max(10_000),
  }),
  addresses: z.object({ ipv4: IpAddress, ipv6: IpAddress.optional() }),
  mtu: z.number().int().min(1280).max(9000),
  keepaliveSeconds: z.number().int().min(0).max(65535),
  gateways: z.array(GatewayPeer).max(64),
  /** Sources that the gateway may forward from: the organisation's overlay ranges. */
  overlay: z.array(Cidr).max(16),
});
export type ConnectorConfig = z.infer<typeof ConnectorConfig>;
