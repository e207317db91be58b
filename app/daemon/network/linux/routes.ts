/**
 * Our routing table as text for `ip`. A prefix holds either a way into the tunnel above a refusal, or a `throw` that sends
 * the look-up on to the usual tables. Each kind has a metric of its own, so that one can be put in before another is taken
 * out, and none ever replaces another by accident.
 */
import type { HostNames, HostPlan } from '../../../contract/host-plan.ts';
import { Fault } from '../../../contract/problem.ts';
import type { LinuxHost } from './host.ts';

export type RouteKind = 'tunnel' | 'direct' | 'unreachable';

export interface TableRoute {
  kind: RouteKind;
  /** As `ip` prints it, always with a length. */
  cidr: string;
}

/** Marks routes and rules as ours (`proto 182`); no routing daemon uses the number. */
export const ROUTE_PROTOCOL = 182;

const METRICS: Record<RouteKind, number> = {
  tunnel: 1,
  direct: 2,
  // Nearly the largest: whatever way there is beats the refusal. The kernel keeps the very last one for itself.
  unreachable: 4_278_198_272,
};

export const REFUSING: readonly RouteKind[] = ['unreachable', 'direct'];

export function refusingRoutes(plan: HostPlan): TableRoute[] {
  return [
    ...plan.protection.unreachable.map((cidr): TableRoute => ({ kind: 'unreachable', cidr })),
    ...plan.protection.direct.map((cidr): TableRoute => ({ kind: 'direct', cidr })),
  ];
}

export function tunnelRoutes(plan: HostPlan): TableRoute[] {
  return plan.connection.tunnel.map((cidr) => ({ kind: 'tunnel', cidr }));
}

export interface RouteChanges {
  add: readonly TableRoute[];
  remove: readonly TableRoute[];
}

/** Only routes of the kinds in question are looked at. */
export function routeChanges(
  current: readonly TableRoute[],
  wanted: readonly TableRoute[],
  kinds: readonly RouteKind[],
): RouteChanges {
  const relevant = current.filter(({ kind }) => kinds.includes(kind));
  const have = new Set(relevant.map(key));
  const want = new Set(wanted.map(key));
  return {
    add: wanted.filter((route) => !have.has(key(route))),
    remove: relevant.filter((route) => !want.has(key(route))),
  };
}

/** For `ip -batch -`. */
export function renderAdditions(routes: readonly TableRoute[], names: HostNames): string {
  return routes.map((route) => `route replace ${routeText(route, names)}\n`).join('');
}

export function renderRemovals(routes: readonly TableRoute[], names: HostNames): string {
  return routes.map((route) => `route del ${routeText(route, names)}\n`).join('');
}

function routeText({ kind, cidr }: TableRoute, names: HostNames): string {
  const target = {
    tunnel: `${cidr} dev ${names.device}`,
    direct: `throw ${cidr}`,
    unreachable: `unreachable ${cidr}`,
  }[kind];
  return `${target} table ${names.table} metric ${METRICS[kind]} proto ${ROUTE_PROTOCOL}`;
}

function key({ kind, cidr }: TableRoute): string {
  return `${kind} ${cidr}`;
}

/** One line of `ip` that lists what `ourRoutes` wants to see: both families, and no error where there is no such table yet. */
export const LIST_ROUTES = `route show table all proto ${ROUTE_PROTOCOL}`;

/** Our routes as the kernel has them now, both families. */
export async function readRoutes(host: LinuxHost, names: HostNames): Promise<TableRoute[]> {
  return ourRoutes(await listJson<RouteJson>(host, LIST_ROUTES.split(' ')), names);
}

export function ourRoutes(listed: readonly RouteJson[], names: HostNames): TableRoute[] {
  return listed
    .filter(({ table }) => table === `${names.table}`)
    .map((route) => ({ kind: kindOf(route), cidr: cidrOf(route) }));
}

/** Routes of our table that somebody else put there. */
export async function foreignRoutes(host: LinuxHost, names: HostNames): Promise<number> {
  const tables = await Promise.all(
    ['-4', '-6'].map((family) =>
      listJson<RouteJson>(host, [family, 'route', 'show', 'table', `${names.table}`]),
    ),
  );
  return tables.flat().filter(({ protocol }) => protocol !== String(ROUTE_PROTOCOL)).length;
}

export interface RouteJson {
  type?: string;
  dst: string;
  dev?: string;
  protocol?: string;
  table?: string;
  /** What a router said of itself: IPv6 only, and always there. */
  pref?: string;
}

async function listJson<T>(host: LinuxHost, argv: string[]): Promise<T[]> {
  const { status, stdout, stderr } = await host.run('ip', ['-j', ...argv]);
  if (status === 0) return stdout.trim() === '' ? [] : JSON.parse(stdout);
  // A table exists while it has routes; a kernel without IPv6 has none of its tables.
  if (/FIB table does not exist|not supported/i.test(stderr)) return [];
  throw new Fault('network-refused', { reason: `ip route show: ${firstLine(stderr)}` });
}

function kindOf({ type }: RouteJson): RouteKind {
  if (type === 'unreachable') return 'unreachable';
  return type === 'throw' ? 'direct' : 'tunnel';
}

/** `ip` leaves out /32 and /128, and says `default`. */
function cidrOf({ dst, pref }: RouteJson): string {
  if (dst === 'default') return pref === undefined ? '0.0.0.0/0' : '::/0';
  if (dst.includes('/')) return dst;
  return `${dst}/${dst.includes(':') ? 128 : 32}`;
}

export function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0] ?? '';
}
