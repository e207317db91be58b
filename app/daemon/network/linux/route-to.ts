/** The kernel's own answer to "how would this packet go?". */
import type { RouteAnswer } from '../host-network.ts';
import type { LinuxHost } from './host.ts';
import { firstLine } from './routes.ts';

interface RouteGetJson {
  dev?: string;
  gateway?: string;
  via?: { host: string };
  table?: string;
  prefsrc?: string;
}

export async function routeTo(host: LinuxHost, address: string): Promise<RouteAnswer> {
  const { status, stdout, stderr } = await host.run('ip', ['-j', 'route', 'get', address]);
  if (status !== 0) return { kind: 'refused', reason: reason(stderr) };
  const [route] = JSON.parse(stdout || '[]') as RouteGetJson[];
  if (!route?.dev) return { kind: 'refused', reason: 'no answer' };
  return {
    kind: 'route',
    interface: route.dev,
    via: route.gateway ?? route.via?.host ?? null,
    table:
      route.table === undefined || Number.isNaN(Number(route.table)) ? null : Number(route.table),
    source: route.prefsrc ?? null,
  };
}

/** `RTNETLINK answers: No route to host` → `No route to host` */
function reason(stderr: string): string {
  return firstLine(stderr).replace(/^(RTNETLINK answers|Error): /, '');
}
