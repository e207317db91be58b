/**
 * The engine's control socket: JSON lines over a Unix stream socket, one request, one answer, in order.
 * `native/README.md` tells the same for the Rust side. Requests carry `v` (protocol version), `id` and `method`.
 *
 *   → {"v":1,"id":1,"method":"hello"}
 *   ← {"v":1,"id":1,"result":{…}}            or {"v":1,"id":1,"error":{"code":"bad-config","message":"…"}}
 *
 * | method | role | params → result |
 * |---|---|---|
 * | hello | all | – → Hello |
 * | configure | gateway, connector | GatewayEngineConfig, ConnectorEngineConfig (whole, applied at once or not at all) → {hash} |
 * | status | all | – → EngineStatus |
 * | explain | gateway | ExplainParams → ExplainResult |
 * | watch | all | – → {} and then events: {"v":1,"event":EngineEvent} until the connection closes |
 * | shutdown | all | – → {}; the engine cleans up and exits 0 |
 *
 * A device is configured over UAPI (`/var/run/wireguard/IFNAME.sock`), like any WireGuard; there `configure` is refused.
 * Keys are standard base64, times Unix milliseconds, a line at most 16 MiB.
 */
export const PROTOCOL_VERSION = 1;

export type EngineRole = 'device' | 'gateway' | 'connector';

export interface Hello {
  protocol: number;
  version: string;
  role: EngineRole;
  pid: number;
  /** SHA-256 (hex) of the last configuration applied, as received; null before the first. */
  configHash: string | null;
  startedAt: number;
  /** Connector: which echo door was found. */
  ping?: 'works' | 'needs-sysctl';
  /** Connector: the TUN through which the kernel forwards (`--tun`). */
  interface?: string;
}

export interface GatewayEngineConfig {
  privateKey: string;
  listenPort: number;
  mtu: number;
  peers: EnginePeer[];
  networks: { id: string; ranges: string[] }[];
  /** In order; the first that matches decides; none refuses. */
  rules: EngineRule[];
  /** By peer id, where an engine before this one last heard it: a peer that is not known yet is greeted there. */
  lastEndpoints?: Record<string, string>;
}

export type EnginePeer = DevicePeer | ConnectorPeer;

export interface DevicePeer {
  kind: 'device';
  id: string;
  publicKey: string;
  /** Overlay addresses, without prefix length. An inner packet's source must be one of these exactly. */
  addresses: string[];
  /** `everyone`, `user:ID`, `group:NAME`, `device:ID`: what rules name. */
  subjects: string[];
  /** The peer is cut, with its flows, at this moment. */
  expiresAt: number | null;
}

export interface ConnectorPeer {
  kind: 'connector';
  id: string;
  publicKey: string;
  addresses: string[];
  networkId: string;
  /** What the control plane thinks; the switch also asks for a live session. */
  healthy: boolean;
}

export interface EngineRule {
  id: string;
  name: string;
  action: 'allow' | 'block';
  subjects: string[];
  /** Empty: every network. */
  networkIds: string[];
  /** Empty: every address of those networks. */
  ranges: string[];
  protocol: 'any' | 'tcp' | 'udp' | 'icmp';
  /** Inclusive pairs; empty: every port. */
  ports: [number, number][];
}

export interface ConnectorEngineConfig {
  privateKey: string;
  mtu: number;
  addresses: string[];
  /** Where packets may go. Loopback, link-local and metadata addresses stay refused unless a /32 or /128 names one. */
  ranges: string[];
  /** Sources that may come out of the tunnel. */
  overlay: string[];
  peers: ConnectorGateway[];
}

export interface ConnectorGateway {
  id: string;
  publicKey: string;
  /** ADDRESS:PORT, the preferred one first; when a handshake gets no answer, the next one is tried. */
  endpoints: string[];
  keepaliveSeconds: number;
}

export interface EngineStatus {
  role: EngineRole;
  /** A connector listens on none: 0. */
  listenPort: number;
  now: number;
  peers: EnginePeerStatus[];
  flows: number;
  /** Packets dropped, by reason (`spoofed-source`, `no-route`, `denied`, …). What each means at a connector: `gateway/connector/not-carried.ts`. */
  drops: Record<string, number>;
}

export interface EnginePeerStatus {
  id: string;
  publicKey: string;
  endpoint: string | null;
  lastHandshakeAt: number | null;
  /** Of the last handshake that this engine began, from initiation to response; not there before the first. */
  handshakeRttMs?: number;
  /** Bytes, outer, as `wg show` counts them. */
  rxBytes: number;
  txBytes: number;
}

export interface ExplainParams {
  /** Device peer id. */
  deviceId: string;
  destination: string;
  protocol: 'tcp' | 'udp' | 'icmp';
  port?: number;
}

export interface ExplainResult {
  verdict: 'allowed' | 'blocked' | 'no-rule' | 'no-network' | 'no-connector';
  networkId: string | null;
  /** The range that covers the destination. */
  range: string | null;
  ruleId: string | null;
  connectorId: string | null;
}

export type EngineEvent =
  | { kind: 'peer-handshake'; id: string; at: number; endpoint: string | null }
  /** No session any more: 180 s without a handshake, or the peer was cut. */
  | { kind: 'peer-lost'; id: string; at: number }
  | {
      kind: 'flow-denied';
      deviceId: string;
      destination: string;
      protocol: string;
      port: number | null;
      ruleId: string | null;
      at: number;
    };
