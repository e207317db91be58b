import type { ConnectorConfig } from '../contract/snapshot.ts';

/** For tests: a connector of one network, whose configuration is whole; `own` is what the test is about. */
export function sampleConfig(own: Partial<ConnectorConfig>): ConnectorConfig {
  return {
    kind: 'connector',
    v: 1,
    receiver: 'con-1',
    revision: 1,
    issuedAt: 0,
    expiresAt: 1,
    network: { id: 'net-1', name: 'tokyo', ranges: ['192.168.0.0/24'] },
    addresses: { ipv4: '100.96.0.9', ipv6: 'fd5a::9' },
    mtu: 1420,
    keepaliveSeconds: 5,
    gateways: [],
    overlay: ['100.96.0.0/16', 'fd5a::/48'],
    ...own,
  };
}
