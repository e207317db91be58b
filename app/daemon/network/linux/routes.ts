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

/** Our routes as the kernel has them now, both families. */
export async function readRoutes(host: LinuxHost, names: HostNames): Promise<TableRoute[]> {
  const both = await Promise.all([listTable(host, '-4', names), listTable(host, '-6', names)]);
  return both.flat();
}

/** Routes of our table that somebody else put there. */
export async function foreignRoutes(host: LinuxHost, names: HostNames): Promise<number> {
  const tables = await Promise.all(
    ['-4', '-6'].map((family) =>
      listJson(host, [family, 'route', 'show', 'table', `${names.table}`]),
    ),
  );
  return tables.flat().filter(({ protocol }) => protocol !== String(ROUTE_PROTOCOL)).length;
}

interface RouteJson {
  type?: string;
  dst: string;
  dev?: string;
  protocol?: string;
}

async function listTable(
  host: LinuxHost,
  family: '-4' | '-6',
  names: HostNames,
): Promise<TableRoute[]> {
  const filter = ['table', `${names.table}`, 'proto', `${ROUTE_PROTOCOL}`];
  const routes = await listJson(host, [family, 'route', 'show', ...filter]);
  return routes.map((route) => ({ kind: kindOf(route), cidr: withLength(route.dst, family) }));
}

async function listJson(host: LinuxHost, argv: string[]): Promise<RouteJson[]> {
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
function withLength(dst: string, family: '-4' | '-6'): string {
  if (dst === 'default') return family === '-4' ? '0.0.0.0/0' : '::/0';
  if (dst.includes('/')) return dst;
  return `${dst}/${family === '-4' ? 32 : 128}`;
}

export function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0] ?? '';
}
