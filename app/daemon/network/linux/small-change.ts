/**
 * From one plan that stands to the next by their difference alone: with ten thousand entries, reading them all for one that
 * changed takes longer than the change. Whether the old plan does stand is the caller's to know.
 */
import type { HostPlan } from '../../../contract/host-plan.ts';
import { batch } from './device.ts';
import { changeGuarded } from './firewall.ts';
import type { LinuxHost } from './host.ts';
import { possible } from './protection.ts';
import {
  REFUSING,
  refusingRoutes,
  renderAdditions,
  renderRemovals,
  routeChanges,
  tunnelRoutes,
} from './routes.ts';
import { together } from './together.ts';

/** Below this, reading everything is no slower, and surer. */
const LARGE = 1000;
/** What changes in more places is not small. */
const MOST_CHANGES = 200;

export function isLarge({ protection, connection }: HostPlan): boolean {
  const { unreachable, direct, guarded } = protection;
  const lists = [unreachable, direct, guarded.v4, guarded.v6, connection.tunnel];
  return lists.some((list) => list.length >= LARGE);
}

/** False, and nothing is done, where more than some entries differ. Throws where the kernel refuses: then nobody knows what stands. */
export async function changeSlightly(
  host: LinuxHost,
  before: HostPlan,
  plan: HostPlan,
): Promise<boolean> {
  if (JSON.stringify(frameOf(before)) !== JSON.stringify(frameOf(plan))) return false;
  const ways = routeChanges(tunnelRoutes(before), tunnelRoutes(plan), ['tunnel']);
  const refusals = routeChanges(refusingRoutes(before), refusingRoutes(plan), REFUSING);
  const count = [ways.add, ways.remove, refusals.add, refusals.remove].flat().length;
  if (count > MOST_CHANGES) return false;
  const text = (render: typeof renderAdditions, routes: typeof ways.add) =>
    render(possible(host, routes), plan.names);
  // New ways before their refusals, and nothing is taken away before what comes in its place.
  await together([batch(host, text(renderAdditions, ways.add)), changeGuarded(host, before, plan)]);
  await batch(
    host,
    text(renderAdditions, refusals.add) +
      text(renderRemovals, refusals.remove) +
      text(renderRemovals, ways.remove),
  );
  return true;
}

/** Everything but the entries: what has to be equal. */
function frameOf({ names, protection, connection }: HostPlan): object {
  const { mtu, addresses } = connection;
  return { names, own: protection.own, mtu, addresses };
}
