/**
 * From one plan that stands to the next by their difference alone: with ten thousand entries, reading them all for one that
 * changed takes longer than the change. Whether the old plan does stand is the caller's to know.
 */
import type { HostPlan } from '../../../contract/host-plan.ts';
import { batch } from './device.ts';
import { changeGuarded } from './firewall.ts';
import type { LinuxHost } from './host.ts';
import { listDifference } from './list-difference.ts';
import { possible } from './protection.ts';
import {
  type RouteChanges,
  type RouteKind,
  renderAdditions,
  renderRemovals,
  type TableRoute,
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
  const ways = changesOf('tunnel', before.connection.tunnel, plan.connection.tunnel);
  const unreachable = changesOf(
    'unreachable',
    before.protection.unreachable,
    plan.protection.unreachable,
  );
  const direct = changesOf('direct', before.protection.direct, plan.protection.direct);
  const all = [unreachable, direct, ways];
  if (all.flatMap(({ add, remove }) => [...add, ...remove]).length > MOST_CHANGES) return false;
  const text = (render: typeof renderAdditions, routes: readonly TableRoute[]) =>
    render(possible(host, routes), plan.names);
  // New ways before their refusals, and nothing is taken away before what comes in its place.
  await together([batch(host, text(renderAdditions, ways.add)), changeGuarded(host, before, plan)]);
  await batch(
    host,
    text(renderAdditions, [...unreachable.add, ...direct.add]) +
      text(
        renderRemovals,
        all.flatMap(({ remove }) => remove),
      ),
  );
  return true;
}

function changesOf(
  kind: RouteKind,
  before: readonly string[],
  after: readonly string[],
): RouteChanges {
  const { added, removed } = listDifference(before, after);
  const route = (cidr: string): TableRoute => ({ kind, cidr });
  return { add: added.map(route), remove: removed.map(route) };
}

/** Everything but the entries: what has to be equal. */
function frameOf({ names, protection, connection }: HostPlan): object {
  const { mtu, addresses } = connection;
  return { names, own: protection.own, mtu, addresses };
}
