/** Gives one thing of the ledger back. To give back what is not there does nothing. */

import { HOST_NAMES } from '../../../contract/host-plan.ts';
import type { Claim } from '../ledger.ts';
import { removeAddresses } from './device.ts';
import { removeFirewall } from './firewall.ts';
import type { LinuxHost } from './host.ts';
import { removeRoutes } from './route-table.ts';
import { REFUSING, type RouteKind, readRoutes, renderRemovals, routeChanges } from './routes.ts';
import { removeRule } from './rules.ts';
import { restoreSetting } from './settings.ts';

export interface Undone {
  /** What was there and is gone; undefined when there was nothing. */
  undone?: string;
  /** What could not be given back, and why. */
  kept?: string;
}

/** The connection before the protection, and the firewall last of all. */
export function undoOrder(claims: readonly Claim[]): Claim[] {
  const order = ['setting', 'tunnel-routes', 'addresses', 'rule', 'refusing-routes', 'firewall'];
  return claims.toSorted((left, right) => order.indexOf(left.kind) - order.indexOf(right.kind));
}

export async function undo(host: LinuxHost, claim: Claim): Promise<Undone> {
  switch (claim.kind) {
    case 'firewall':
      return (await removeFirewall(host, claim.table))
        ? { undone: `nftables table inet ${claim.table}` }
        : {};
    case 'rule': {
      const wasThere = await removeRule(host, claim.family, claim);
      return wasThere ? { undone: `IPv${claim.family} rule ${claim.priority}` } : {};
    }
    case 'refusing-routes':
      return undoRoutes(host, claim.table, REFUSING);
    case 'tunnel-routes':
      return undoRoutes(host, claim.table, ['tunnel']);
    case 'addresses': {
      const removed = await removeAddresses(host, claim.device, claim.addresses);
      return removed.length > 0 ? { undone: `${removed.join(', ')} of ${claim.device}` } : {};
    }
    case 'setting':
      return undoSetting(host, claim);
  }
}

async function undoRoutes(
  host: LinuxHost,
  table: number,
  kinds: readonly RouteKind[],
): Promise<Undone> {
  const names = { ...HOST_NAMES, table };
  const { remove } = routeChanges(await readRoutes(host, names), [], kinds);
  if (remove.length === 0) return {};
  await removeRoutes(host, renderRemovals(remove, names));
  return { undone: `${remove.length} routes of table ${table}` };
}

async function undoSetting(
  host: LinuxHost,
  claim: Extract<Claim, { kind: 'setting' }>,
): Promise<Undone> {
  const outcome = await restoreSetting(host, claim);
  if (outcome === 'restored') return { undone: `${claim.key} is ${claim.before} again` };
  if (outcome === 'untouched') return {};
  return { kept: `${claim.key} is ${claim.wrote}: what it was before Culvert is not known` };
}
