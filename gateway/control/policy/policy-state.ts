/** Everything that decides who reaches what, as plain values: what `compile` reads and nothing more. */
import type { Rule } from '../../contract/admin-api.ts';
import type { GatewayPeer, SplitTunnel } from '../../contract/snapshot.ts';

export interface PolicyState {
  revision: number;
  organisation: PolicyOrganisation;
  users: ReadonlyMap<string, PolicyUser>;
  devices: readonly PolicyDevice[];
  networks: readonly PolicyNetwork[];
  connectors: readonly PolicyConnector[];
  /** By number; disabled ones too. */
  rules: readonly Rule[];
  profiles: readonly PolicyProfile[];
}

export interface PolicyOrganisation {
  id: string;
  name: string;
  /** The ranges that devices and connectors get their addresses from. */
  overlay: readonly string[];
  contact: string | null;
}

export interface PolicyUser {
  id: string;
  email: string;
  name: string;
  groups: readonly string[];
}

export interface PolicyDevice {
  id: string;
  userId: string;
  profileId: string | null;
  wireguardKey: string;
  ipv4: string;
  ipv6: string;
  sessionExpiresAt: number;
}

export interface PolicyNetwork {
  id: string;
  name: string;
  /** Canonical CIDRs. */
  ranges: readonly string[];
}

export interface PolicyConnector {
  id: string;
  networkId: string;
  wireguardKey: string;
  ipv4: string;
  ipv6: string;
  /** It says itself that it reaches none of its ranges. */
  reachesNothing: boolean;
}

export interface PolicyProfile {
  id: string;
  name: string;
  isDefault: boolean;
  splitTunnel: SplitTunnel;
}

/** The gateway itself, as devices and connectors see it and as its engine is told. */
export interface GatewayFacts {
  peer: GatewayPeer;
  privateKey: string;
  listenPort: number;
  mtu: number;
}

export function profileOf(state: PolicyState, device: PolicyDevice): PolicyProfile | undefined {
  const own = state.profiles.find((profile) => profile.id === device.profileId);
  return own ?? state.profiles.find((profile) => profile.isDefault);
}

/** The data plane cuts a device at its session's end; from then on nothing is compiled for it. */
export function isLive(device: PolicyDevice, now: number): boolean {
  return device.sessionExpiresAt > now;
}
