/**
 * What this computer's network should look like, as data: `policy/` draws it up, `network/` makes it so. Everything is
 * text in canonical form, so that a plan can be written down, compared and shown.
 */
import type { NetworkRef, Reason } from '../../gateway/contract/decide/policy.ts';

/** What Culvert calls its own on a host. Configurable, so that two can live on one machine. */
export interface HostNames {
  device: string;
  /** Routing table. */
  table: number;
  /** Of the rule that sends lookups there. */
  priority: number;
  /** Carried by the engine's own packets, which must not be routed into the tunnel they make up. */
  mark: number;
  markMask: number;
  /** nftables table, family inet. */
  firewallTable: string;
}

export const HOST_NAMES: HostNames = {
  device: 'culvert0',
  table: 5182,
  priority: 5182,
  mark: 0x4300_0000,
  markMask: 0xff00_0000,
  firewallTable: 'culvert',
};

export interface HostPlan {
  names: HostNames;
  protection: ProtectionPlan;
  connection: ConnectionPlan;
  /** The compiled routes and whose they are: `culvert routes`, `culvert why`. */
  routes: readonly PlannedRoute[];
  overlaps: readonly Overlap[];
  clashes: readonly OverlayClash[];
}

/** Holds while the device is wanted on, whatever became of tunnel, engine and daemon. */
export interface ProtectionPlan {
  /** CIDRs that nothing but the tunnel may carry: `unreachable`, with a metric that any other route beats. */
  unreachable: readonly string[];
  /** CIDRs inside those that go their usual way: `throw`. */
  direct: readonly string[];
  /** Every address that must not leave through another interface, as `first-last` or a single address. */
  guarded: { v4: readonly string[]; v6: readonly string[] };
  /** The device's addresses inside the tunnel; nobody outside it may talk to them. */
  own: { v4: readonly string[]; v6: readonly string[] };
}

/** Undone when the tunnel goes. */
export interface ConnectionPlan {
  mtu: number;
  /** With prefix length: `100.96.0.5/32`. */
  addresses: readonly string[];
  /** CIDRs that go into the tunnel. */
  tunnel: readonly string[];
  /** What the gateway's peer may carry, for the WireGuard configuration. */
  allowedIps: readonly string[];
}

export interface PlannedRoute {
  cidr: string;
  path: 'tunnel' | 'direct';
  because: Reason | { kind: 'local'; interface: string };
}

/** A local network that has the same addresses as something in the tunnel. */
export interface Overlap {
  /** The prefix of the local network, and where it is. */
  connected: string;
  interface: string;
  /** What both have, widest first. */
  cidrs: readonly string[];
  networks: readonly NetworkRef[];
  using: 'local' | 'tunnel';
}

/** The device's own address lies in a network that another interface is connected to. */
export interface OverlayClash {
  address: string;
  connected: string;
  interface: string;
}

/** What a plan has to know about the computer. */
export interface HostFacts {
  /** On-link prefixes of every interface but loopback and our own. */
  connected: readonly ConnectedPrefix[];
}

export interface ConnectedPrefix {
  cidr: string;
  interface: string;
}
