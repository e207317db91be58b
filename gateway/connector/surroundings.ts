/** What this machine sees around itself: ranges to suggest, and whether it knows a way to a range. */
import { readFileSync } from 'node:fs';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import {
  isHost,
  type Prefix,
  parseCidr,
  prefixAround,
  prefixesOverlap,
  printCidr,
} from '../contract/net/prefix.ts';

/** Networks that it is connected to, private IPv4 first; what is only this machine's own or its link is left out. */
export function suggestRanges(interfaces = networkInterfaces()): string[] {
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  const found = all.filter((one) => !one.internal).flatMap(connectedPrefix);
  const texts = found.sort((left, right) => left.family - right.family).map(printCidr);
  return [...new Set(texts)].slice(0, 64);
}

function connectedPrefix(one: NetworkInterfaceInfo): Prefix[] {
  const prefix = one.cidr === null ? undefined : parseCidr(one.cidr.replace(/%[^/]*/, ''));
  if (!prefix || isHost(prefix) || isLinkLocal(prefix)) return [];
  return [prefix];
}

function isLinkLocal(prefix: Prefix): boolean {
  return LINK_LOCAL.some((local) => local !== undefined && prefixesOverlap(local, prefix));
}

const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10'].map(parseCidr);

/** Undefined where the kernel does not say (not Linux): then every range counts as reachable. */
export function readRoutes(): Prefix[] | undefined {
  try {
    return [
      ...parseRoutes4(readFileSync('/proc/net/route', 'utf8')),
      ...parseRoutes6(readIfThere('/proc/net/ipv6_route')),
    ];
  } catch {
    return undefined;
  }
}

export function isReachable(range: string, routes: readonly Prefix[] | undefined): boolean {
  const prefix = parseCidr(range);
  if (!prefix || !routes) return true;
  return routes.some((route) => prefixesOverlap(route, prefix));
}

/** Hexadecimal in the machine's byte order, which is little-endian on every processor that we build for. */
export function parseRoutes4(text: string): Prefix[] {
  const RTF_UP = 1;
  const RTF_REJECT = 0x200;
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(
      (fields) =>
        fields.length >= 8 && isUsable(Number.parseInt(fields[3] ?? '', 16), RTF_UP, RTF_REJECT),
    )
    .map((fields) => {
      const value = Number.parseInt(littleEndian(fields[1] ?? ''), 16);
      const mask = Number.parseInt(littleEndian(fields[7] ?? ''), 16);
      return prefixAround({ family: 4, value }, ones(mask));
    });
}

export function parseRoutes6(text: string): Prefix[] {
  const RTF_UP = 1;
  const RTF_REJECT = 0x200;
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length >= 10 && fields[9] !== 'lo')
    .filter((fields) => isUsable(Number.parseInt(fields[8] ?? '', 16), RTF_UP, RTF_REJECT))
    .map((fields) =>
      prefixAround(
        { family: 6, value: BigInt(`0x${fields[0] ?? '0'}`) },
        Number.parseInt(fields[1] ?? '0', 16),
      ),
    );
}

function isUsable(flags: number, up: number, reject: number): boolean {
  return (flags & up) !== 0 && (flags & reject) === 0;
}

function littleEndian(hex: string): string {
  return (hex.match(/../g) ?? []).reverse().join('');
}

function ones(mask: number): number {
  return mask.toString(2).replaceAll('0', '').length;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
