/** At boot, before the network is up: the protection of the last configuration, for a device that is wanted on (T9). */
import type { HostNames } from '../contract/host-plan.ts';
import type { HostNetwork } from './network/host-network.ts';
import { planHost } from './policy/plan-host.ts';
import { verifyStored } from './session/stored-snapshot.ts';
import type { Store } from './store/store.ts';

/** False where there is nothing to protect: off, or never enrolled. */
export async function protectEarly(
  store: Store,
  network: HostNetwork,
  names: HostNames,
): Promise<boolean> {
  const { membership, snapshot, wanted } = store;
  if (wanted === 'off' || membership === null || snapshot === null) return false;
  const outcome = await verifyStored(membership, snapshot);
  if (outcome.kind === 'refused') return false;
  // No local network is connected yet, and so none is chosen over the tunnel.
  const facts = { connected: [] };
  await network.protect(planHost({ config: outcome.config, facts, useLocal: [], names }));
  return true;
}
