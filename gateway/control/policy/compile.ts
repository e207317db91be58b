/**
 * Store rows → what each receiver gets. Pure: the same state compiles to the same bytes, so that a snapshot is pushed
 * only when its content changed, and an engine that has it already is left alone.
 */

import { CONNECTOR_KEEPALIVE_SECONDS, DEVICE_KEEPALIVE_SECONDS } from '../../contract/constants.ts';
import type { ConnectorConfig, DeviceConfig, DeviceNetwork } from '../../contract/snapshot.ts';
import type { GatewayEngineConfig } from '../../dataplane/protocol/engine-protocol.ts';
import {
  type GatewayFacts,
  isLive,
  type PolicyConnector,
  type PolicyDevice,
  type PolicyNetwork,
  type PolicyState,
  profileOf,
} from './policy-state.ts';
import { engineRule, liveRules, subjectsOf } from './rules.ts';

/** A snapshot without what changes by itself: revision and dates are added when it is signed. */
export type Content<T> = Omit<T, 'revision' | 'issuedAt' | 'expiresAt'>;
export type DeviceContent = Content<DeviceConfig>;
export type ConnectorContent = Content<ConnectorConfig>;

export interface NetworkHealth {
  healthy: number;
  total: number;
}

/** Of each network by id. A live fact, not a row, so it comes in beside the state. */
export type Health = ReadonlyMap<string, NetworkHealth>;

/** What devices are told of the networks that they may reach. */
export function compileNetworks(
  networks: readonly PolicyNetwork[],
  health: Health,
): DeviceNetwork[] {
  return networks.map(({ id, name, ranges }) => ({
    id,
    name,
    ranges: [...ranges],
    connectors: health.get(id) ?? { healthy: 0, total: 0 },
  }));
}

/** Undefined where nothing may be compiled: its person or every profile is gone. */
export function compileDevice(
  device: PolicyDevice,
  state: PolicyState,
  gateway: GatewayFacts,
  networks: DeviceNetwork[],
): DeviceContent | undefined {
  const user = state.users.get(device.userId);
  const profile = profileOf(state, device);
  if (!user || !profile) return undefined;
  const { id, name, contact } = state.organisation;
  return {
    kind: 'device',
    v: 1,
    receiver: device.id,
    organisation: { id, name },
    user: { id: user.id, email: user.email, name: user.name },
    session: { expiresAt: device.sessionExpiresAt },
    addresses: { ipv4: device.ipv4, ipv6: device.ipv6 },
    mtu: gateway.mtu,
    keepaliveSeconds: DEVICE_KEEPALIVE_SECONDS,
    gateways: [gateway.peer],
    networks,
    profile: { id: profile.id, name: profile.name, splitTunnel: profile.splitTunnel },
    ...(contact ? { contact } : {}),
  };
}

export function compileConnector(
  connector: PolicyConnector,
  state: PolicyState,
  gateway: GatewayFacts,
): ConnectorContent | undefined {
  const network = state.networks.find(({ id }) => id === connector.networkId);
  if (!network) return undefined;
  return {
    kind: 'connector',
    v: 1,
    receiver: connector.id,
    network: { id: network.id, name: network.name, ranges: [...network.ranges] },
    addresses: { ipv4: connector.ipv4, ipv6: connector.ipv6 },
    mtu: gateway.mtu,
    keepaliveSeconds: CONNECTOR_KEEPALIVE_SECONDS,
    gateways: [gateway.peer],
    overlay: [...state.organisation.overlay],
  };
}

/**
 * The engine holds dates and rules itself, so that sessions end on time with this process dead. A connector counts as
 * healthy unless it says otherwise: whether its stream is open would cut everybody at a restart of this process.
 */
export function compileEngine(
  state: PolicyState,
  gateway: GatewayFacts,
  now: number,
): GatewayEngineConfig {
  return {
    privateKey: gateway.privateKey,
    listenPort: gateway.listenPort,
    mtu: gateway.mtu,
    peers: [
      ...state.connectors.map((connector) => ({
        kind: 'connector' as const,
        id: connector.id,
        publicKey: connector.wireguardKey,
        addresses: [connector.ipv4, connector.ipv6],
        networkId: connector.networkId,
        healthy: !connector.reachesNothing,
      })),
      ...state.devices
        .filter((device) => isLive(device, now) && state.users.has(device.userId))
        .map((device) => ({
          kind: 'device' as const,
          id: device.id,
          publicKey: device.wireguardKey,
          addresses: [device.ipv4, device.ipv6],
          subjects: subjectsOf(device, state),
          expiresAt: device.sessionExpiresAt,
        })),
    ],
    networks: state.networks.map(({ id, ranges }) => ({ id, ranges: [...ranges] })),
    rules: liveRules(state).map(engineRule),
  };
}
