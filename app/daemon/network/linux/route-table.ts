/** Our routing table in the kernel: the difference done in one batch each way, and looked at afterwards. */
import type { HostNames } from '../../../contract/host-plan.ts';
import { Fault } from '../../../contract/problem.ts';
import { batch } from './device.ts';
import type { LinuxHost } from './host.ts';
import {
  type RouteKind,
  readRoutes,
  renderAdditions,
  renderRemovals,
  routeChanges,
  type TableRoute,
} from './routes.ts';

export interface RouteChange {
  current: readonly TableRoute[];
  wanted: readonly TableRoute[];
  /** Routes of other kinds are left alone. */
  kinds: readonly RouteKind[];
  /** Lines for `ip -batch` that have to come before the routes. */
  first?: string;
}

export async function changeRoutes(
  host: LinuxHost,
  names: HostNames,
  { current, wanted, kinds, first = '' }: RouteChange,
): Promise<void> {
  const { add, remove } = routeChanges(current, wanted, kinds);
  await batch(host, first + renderAdditions(add, names));
  // What came first may have taken routes along, as a device's addresses do.
  if (first === '' && add.length + remove.length === 0) return;
  await removeRoutes(host, renderRemovals(remove, names));
  await verifyRoutes(host, names, wanted, kinds);
}

/** Throws where the kernel has others of these kinds than it was asked to have. */
export async function verifyRoutes(
  host: LinuxHost,
  names: HostNames,
  wanted: readonly TableRoute[],
  kinds: readonly RouteKind[],
): Promise<void> {
  const left = routeChanges(await readRoutes(host, names), wanted, kinds);
  if (left.add.length + left.remove.length === 0) return;
  throw new Fault('network-refused', { reason: 'the kernel’s routes are not what was asked for' });
}

/** Routes go by themselves when their device goes, so a route that is not there any more is no failure. */
export async function removeRoutes(host: LinuxHost, batchText: string): Promise<void> {
  if (batchText !== '') await host.run('ip', ['-force', '-batch', '-'], batchText);
}
