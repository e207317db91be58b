/** What the local network has in common with ours, for people to read. */
import type { HostPlan, Overlap, OverlayClash } from '../../contract/host-plan.ts';
import type { Problem } from '../../contract/local-api.ts';
import { problem } from '../../contract/problem.ts';

/** Most important first. */
export function networkNotices(plan: HostPlan): Problem[] {
  return [
    ...plan.clashes.map(clashNotice),
    ...plan.overlaps.map((one) => overlapNotice(one, plan)),
  ];
}

function clashNotice(clash: OverlayClash): Problem {
  return problem('overlay-clash', { cidr: clash.connected, interface: clash.interface });
}

function overlapNotice(overlap: Overlap, plan: HostPlan): Problem {
  const detail = { cidr: overlap.cidrs.join(', '), interface: overlap.interface };
  if (overlap.using === 'local') return problem('overlap-local-used', detail);
  // A range of the include list belongs to no network by name.
  const network = overlap.networks.map(({ name }) => name).join(', ') || plan.names.device;
  return problem('overlap-network-used', { ...detail, network });
}
