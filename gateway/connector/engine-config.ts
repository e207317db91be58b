/** ConnectorConfig → what the connector's engine is told. Names of gateways are resolved here, for the engine knows none. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { ConnectorEngineConfig } from '../../native/client/protocol.ts';
import type { ConnectorConfig } from '../contract/snapshot.ts';

export type Resolve = (name: string) => Promise<string | undefined>;

/** A gateway of which no endpoint resolves is left out until one does. */
export async function engineConfig(
  config: ConnectorConfig,
  privateKey: string,
  resolve: Resolve = resolveName,
): Promise<ConnectorEngineConfig> {
  const peers = await Promise.all(
    config.gateways.map(async ({ id, publicKey, endpoints }) => {
      const endpoint = await firstResolved(endpoints, resolve);
      const { keepaliveSeconds } = config;
      return endpoint === undefined ? [] : [{ id, publicKey, endpoint, keepaliveSeconds }];
    }),
  );
  const { ipv4, ipv6 } = config.addresses;
  return {
    privateKey,
    listenPort: 0,
    mtu: config.mtu,
    addresses: ipv6 === undefined ? [ipv4] : [ipv4, ipv6],
    ranges: config.network.ranges,
    overlay: config.overlay,
    peers: peers.flat(),
  };
}

async function firstResolved(
  endpoints: readonly string[],
  resolve: Resolve,
): Promise<string | undefined> {
  for (const endpoint of endpoints) {
    const cut = endpoint.lastIndexOf(':');
    const host = endpoint.slice(0, cut).replace(/^\[|\]$/g, '');
    const address = isIP(host) === 0 ? await resolve(host) : host;
    if (address !== undefined)
      return `${isIP(address) === 6 ? `[${address}]` : address}${endpoint.slice(cut)}`;
  }
  return undefined;
}

async function resolveName(name: string): Promise<string | undefined> {
  try {
    return (await lookup(name, { order: 'ipv4first' })).address;
  } catch {
    return undefined;
  }
}
