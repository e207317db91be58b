/** Plans for scenarios, made the way the daemon makes them. */

import type { HostFacts, HostPlan } from '../../app/contract/host-plan.ts';
import { planHost } from '../../app/daemon/policy/plan-host.ts';
import type { DeviceConfig } from '../../gateway/contract/snapshot.ts';

export interface PlanParts {
  ranges: readonly string[];
  exclude?: readonly string[];
  facts?: HostFacts;
  useLocal?: readonly string[];
  addresses?: DeviceConfig['addresses'];
}

export const OWN_IPV4 = '100.96.0.5';
export const OWN_IPV6 = 'fd00:c0de:1::5';

export function plan(parts: PlanParts): HostPlan {
  return planHost({
    config: config(parts),
    facts: parts.facts ?? { connected: [] },
    useLocal: parts.useLocal ?? [],
  });
}

export function config({ ranges, exclude, addresses }: PlanParts): DeviceConfig {
  return {
    kind: 'device',
    v: 1,
    receiver: 'd1',
    revision: 1,
    issuedAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    organisation: { id: 'o1', name: 'Example' },
    user: { id: 'u1', email: 'alice@example.com', name: 'Alice' },
    session: { expiresAt: Number.MAX_SAFE_INTEGER },
    addresses: addresses ?? { ipv4: OWN_IPV4, ipv6: OWN_IPV6 },
    mtu: 1400,
    keepaliveSeconds: 25,
    gateways: [],
    networks: [
      { id: 'n1', name: 'tokyo-vpc', ranges: [...ranges], connectors: { healthy: 1, total: 1 } },
    ],
    profile: {
      id: 'p1',
      name: 'Default',
      splitTunnel: {
        defaultPath: 'direct',
        include: [],
        exclude: (exclude ?? []).map((cidr) => ({ cidr })),
      },
    },
  };
}
