/** ConnectorConfig → what the connector's engine is told. Names of gateways are resolved here, for the engine knows none. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { ConnectorEngineConfig } from '../../native/client/protocol.ts';
import type { ConnectorConfig } from '../contract/snapshot.ts';

/** All addresses of a name, the preferred one first; none when it does not resolve just now. */
export type Resolve = (name: string) => Promise<string[]>;

/** A gateway of which no endpoint resolves is left out until one does. */
export async function engineConfig(
  config: ConnectorConfig,
  privateKey: string,
  resolve: Resolve = resolveName,
): Promise<ConnectorEngineConfig> {
  const peers = await Promise.all(
    config.gateways.map(async ({ id, publicKey, endpoints }) => {
      const { keepaliveSeconds } = config;
      const resolved = await resolveAll(endpoints, resolve);
      return resolved.length === 0
        ? []
        : [{ id, publicKey, endpoints: resolved, keepaliveSeconds }];
    }),
  );
  const { ipv4, ipv6 } = config.addresses;
  return {
    privateKey,
    mtu: config.mtu,
    addresses: ipv6 === undefined ? [ipv4] : [ipv4, ipv6],
    ranges: config.network.ranges,
    overlay: config.overlay,
    peers: peers.flat(),
  };
}

async function resolveAll(endpoints: readonly string[], resolve: Resolve): Promise<string[]> {
  const resolved = await Promise.all(
    endpoints.map(async (endpoint) => {
      const cut = endpoint.lastIndexOf(':');
      const host = endpoint.slice(0, cut).replace(/^\[|\]$/g, '');
      const addresses = isIP(host) === 0 ? await resolve(host) : [host];
      return addresses.map(
        (address) => `${isIP(address) === 6 ? `[${address}]` : address}${endpoint.slice(cut)}`,
      );
    }),
  );
  return [...new Set(resolved.flat())];
}

async function resolveName(name: string): Promise<string[]> {
  try {
    const found = await lookup(name, { all: true, order: 'ipv4first' });
    return found.map(({ address }) => address);
  } catch {
    return [];
  }
}
