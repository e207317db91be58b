/** The gateway as devices and connectors know it: its WireGuard key, made at the first start, and where it is reached. */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { DEFAULT_MTU } from '../../contract/constants.ts';
import { generateKeyPair, publicKeyOf } from '../../dataplane/engine-place.ts';
import type { Configuration } from '../http/configuration.ts';
import type { GatewayFacts } from '../policy/policy-state.ts';
import type { Store } from '../store/store.ts';

export async function openGatewayFacts(
  store: Store,
  configuration: Configuration,
): Promise<GatewayFacts> {
  const make = (): string => generateKeyPair().privateKey;
  const privateKey = await store.secrets.readOrMake(store.db, 'wireguard-key', make);
  const publicKey = publicKeyOf(privateKey);
  return {
    peer: {
      id: `gw_${createHash('sha256').update(publicKey).digest('hex').slice(0, 20)}`,
      name: hostname(),
      publicKey,
      endpoints: configuration.endpoints,
    },
    privateKey,
    listenPort: configuration.wireguardPort,
    mtu: DEFAULT_MTU,
  };
}
