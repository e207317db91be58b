/** What has to be done so that the protection is that of a plan, and whether it is. */
import type { HostPlan } from '../../../contract/host-plan.ts';
import { batch } from './device.ts';
import { isIntact, replaceFirewall, verifyFirewall } from './firewall.ts';
import type { LinuxHost } from './host.ts';
import type { Reading } from './reading.ts';
import { removeRoutes, verifyRoutes } from './route-table.ts';
import {
  REFUSING,
  type RouteChanges,
  refusingRoutes,
  renderAdditions,
  renderRemovals,
  routeChanges,
  type TableRoute,
  tunnelRoutes,
} from './routes.ts';
import { type Family, isInPlace, renderRule } from './rules.ts';
import { together } from './together.ts';

export function stands(host: LinuxHost, plan: HostPlan, found: Reading): boolean {
  const wanted = possible(host, refusingRoutes(plan));
  return (
    found.rules.every(({ state }) => isInPlace(state)) &&
    routeChanges(found.routes, wanted, REFUSING).add.length === 0 &&
    isIntact(found.firewall, plan)
  );
}

/** Whether exactly the routes of a plan lead into the tunnel. */
export function isConnected(host: LinuxHost, plan: HostPlan, found: Reading): boolean {
  const left = routeChanges(found.routes, possible(host, tunnelRoutes(plan)), ['tunnel']);
  return left.add.length + left.remove.length === 0;
}

/** Between the old protection and the new one there is no moment without. `before`: what has to come before any new refusal. */
export async function putUp(
  host: LinuxHost,
  plan: HostPlan,
  found: Reading,
  before?: Promise<void>,
): Promise<void> {
  const isNew = !isIntact(found.firewall, plan);
  await together([before, isNew ? replaceFirewall(host, plan) : undefined]);
  await together([isNew ? verifyFirewall(host, plan) : undefined, putUpRouting(host, plan, found)]);
}

async function putUpRouting(host: LinuxHost, plan: HostPlan, found: Reading): Promise<void> {
  const { names } = plan;
  const wanted = possible(host, refusingRoutes(plan));
  const changes = routeChanges(found.routes, wanted, REFUSING);
  const missing = found.rules.filter(({ state }) => state === 'absent').map((one) => one.family);
  if (changes.remove.length === 0) return await addInOrder(host, plan, changes, missing);
  await addInOrder(host, plan, changes, []);
  await removeRoutes(host, renderRemovals(changes.remove, names));
  await verifyRoutes(host, names, wanted, REFUSING);
  await addInOrder(host, plan, { add: [], remove: [] }, missing);
}

/**
 * Routes, then the rule: `ip` ends a batch at the first line that the kernel refuses, and a rule in front of a table that is only
 * half filled would send excluded hosts into nothing.
 */
async function addInOrder(
  host: LinuxHost,
  { names }: HostPlan,
  { add }: RouteChanges,
  missing: readonly Family[],
): Promise<void> {
  const linesOf = (family: Family) =>
    renderAdditions(
      add.filter(({ cidr }) => familyOf(cidr) === family),
      names,
    ) + (missing.includes(family) ? renderRule(family, names) : '');
  await together(families(host).map((family) => batch(host, linesOf(family), family)));
}

export function families(host: LinuxHost): Family[] {
  return host.hasIpv6() ? [4, 6] : [4];
}

/** Of the families that this computer has. */
export function possible(host: LinuxHost, routes: readonly TableRoute[]): TableRoute[] {
  const able = families(host);
  return routes.filter(({ cidr }) => able.includes(familyOf(cidr)));
}

function familyOf(cidr: string): Family {
  return cidr.includes(':') ? 6 : 4;
}
