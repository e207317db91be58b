/**
 * Which source ports masqueraded packets may get. If they got one that a program of this host listens at, or one that the
 * kernel gives to this host's own connections, a device could choose its source port so that answers meant for that
 * program come to it (port shadowing, CVE-2021-3773). So they get a range of their own, in which nobody is.
 */
import type { KernelHost } from './host.ts';

export type PortRange = readonly [first: number, last: number];

/** Below are the services' own. */
const LOWEST = 1024;
const HIGHEST = 65_535;
/** Fewer would run out under one busy device. */
const FEWEST = 1024;

/** The widest range that is clear of all of them; undefined where none is wide enough. */
export function freePorts(taken: ReadonlySet<number>, ephemeral: PortRange): PortRange | undefined {
  let widest: PortRange | undefined;
  let first = LOWEST;
  for (let port = LOWEST; port <= HIGHEST + 1; port++) {
    const isFree =
      port <= HIGHEST && !taken.has(port) && (port < ephemeral[0] || port > ephemeral[1]);
    if (isFree) continue;
    if (port - first > (widest ? widest[1] - widest[0] + 1 : FEWEST - 1))
      widest = [first, port - 1];
    first = port + 1;
  }
  return widest;
}

/**
 * Local ports of every socket of this host, TCP or UDP: those that wait for somebody, and those that are connected from a
 * port that a program chose itself. What the kernel chose needs no naming: no packet of ours gets a port of that range.
 */
export function takenPorts(host: KernelHost): Set<number> {
  const tables = ['tcp', 'tcp6', 'udp', 'udp6'].map((name) => host.read(`/proc/net/${name}`));
  return new Set(tables.flatMap((table) => localPorts(table ?? '')));
}

export function ephemeralPorts(host: KernelHost): PortRange {
  const text = host.read('/proc/sys/net/ipv4/ip_local_port_range') ?? '';
  const [first = 32_768, last = 60_999] = text.split(/\s+/).filter(Boolean).map(Number);
  return [first, last];
}

/** As /proc/net/tcp and its kin have it: the second column, in hexadecimal; 0 where a socket has no port yet. */
export function localPorts(table: string): number[] {
  return table.split('\n').flatMap((line) => {
    const local = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) /.exec(line);
    return [Number.parseInt(local?.[1] ?? '', 16)].filter((port) => port > 0);
  });
}
