/** What the tunnel is told, out of the configuration and the user's choices. */
import type { DeviceConfig } from '../../gateway/contract/snapshot.ts';
import type { Store } from './store/store.ts';
import type { TunnelConfig } from './tunnel/tunnel-state.ts';

/** Its gateways as ways, the preferred one first. */
export function tunnelConfig(config: DeviceConfig, blocked: TunnelConfig['blocked']): TunnelConfig {
  return {
    ways: config.gateways.flatMap(({ id, name, publicKey, endpoints }) =>
      endpoints.map((endpoint) => ({ gatewayId: id, gatewayName: name, publicKey, endpoint })),
    ),
    keepaliveSeconds: config.keepaliveSeconds,
    blocked,
  };
}

/** Connected prefixes that the user chose over the tunnel. */
export function localChoices(store: Store): string[] {
  return Object.entries(store.preferences.overlaps).flatMap(([prefix, choice]) =>
    choice === 'local' ? [prefix] : [],
  );
}
