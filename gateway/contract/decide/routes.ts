/**
 * The routes that make a kernel decide as `decide` does. Each one is an entry that somebody wrote, so that it can be said
 * whose it is; entries that change nothing are left out, and none of those that stay could be.
 *
 * No route means `direct`: only where a wider route goes into the tunnel does `direct` need one of its own (a `throw`).
 */
import { type AddressSet, addressSet, NO_ADDRESS, subtract, union } from '../net/address-set.ts';
import { bitsOf, comparePrefixes, containsPrefix, EVERYTHING, type Prefix } from '../net/prefix.ts';
import { stronger } from './decide.ts';
import { type Path, pathOf, type Reason, type SplitPolicy } from './policy.ts';

export interface Route {
  prefix: Prefix;
  path: Path;
}

export interface CompiledRoute extends Route {
  because: Reason;
}

/** Sorted: IPv4 first, by address, wider before narrower. */
export function compileRoutes(policy: SplitPolicy): CompiledRoute[] {
  return withoutRedundant(decidingEntries(policy));
}

/** Keeps what says something else than the next wider route that stays. Wants sorted routes. */
export function withoutRedundant<R extends Route>(sorted: readonly R[]): R[] {
  const open: Route[] = [];
  return sorted.filter((route) => {
    leave(open, route.prefix);
    if (route.path === (open.at(-1)?.path ?? 'direct')) return false;
    open.push(route);
    return true;
  });
}

/** Every address that sorted routes send into the tunnel. */
export function tunnelled(sorted: readonly Route[]): AddressSet {
  let set = NO_ADDRESS;
  // Routes of one depth do not overlap, and narrower ones come later: each layer overwrites the one before.
  for (const layer of layers(sorted)) {
    set = union(set, addressSet(prefixesOf(layer, 'tunnel')));
    set = subtract(set, addressSet(prefixesOf(layer, 'direct')));
  }
  return set;
}

/** Every entry that decides at least one address, redundant ones too; sorted the same way. */
export function decidingEntries(policy: SplitPolicy): CompiledRoute[] {
  return nest(candidates(policy))
    .filter((node) => !isMoot(node))
    .map(({ prefix, path, because }) => ({ prefix, path, because }));
}

/** A candidate, and how many of its addresses the candidates directly inside it take away. */
interface Node extends CompiledRoute {
  covered: bigint;
}

function candidates(policy: SplitPolicy): CompiledRoute[] {
  const winners = new Map<string, CompiledRoute>();
  const put = (prefix: Prefix, because: Reason) =>
    winners.set(key(prefix), { prefix, because, path: pathOf(because, policy.defaultPath) });
  if (policy.defaultPath === 'tunnel') {
    for (const prefix of EVERYTHING) put(prefix, { kind: 'default' });
  }
  for (const { prefix, value } of policy.entries.entries()) put(prefix, value);
  for (const { prefix, value } of policy.pins.entries()) {
    put(prefix, stronger(policy.entries.get(prefix), value));
  }
  return [...winners.values()].sort((left, right) => comparePrefixes(left.prefix, right.prefix));
}

function key(prefix: Prefix): string {
  return `${prefix.family} ${prefix.first} ${prefix.length}`;
}

/** In sorted order what contains a prefix comes before it, so a stack of open prefixes is the chain of its parents. */
function nest(sorted: readonly CompiledRoute[]): Node[] {
  const open: Node[] = [];
  return sorted.map((route) => {
    const node: Node = { ...route, covered: 0n };
    leave(open, route.prefix);
    const parent = open.at(-1);
    if (parent) parent.covered += size(route.prefix);
    open.push(node);
    return node;
  });
}

/** Narrower entries decide every address of it. */
function isMoot(node: Node): boolean {
  return node.covered === size(node.prefix);
}

/** By how many other routes contain each. */
function layers(sorted: readonly Route[]): Route[][] {
  const open: Route[] = [];
  const byDepth: Route[][] = [];
  for (const route of sorted) {
    leave(open, route.prefix);
    const layer = byDepth[open.length];
    if (layer) layer.push(route);
    else byDepth.push([route]);
    open.push(route);
  }
  return byDepth;
}

function prefixesOf(routes: readonly Route[], path: Path): Prefix[] {
  return routes.filter((route) => route.path === path).map(({ prefix }) => prefix);
}

function leave(open: { prefix: Prefix }[], next: Prefix): void {
  for (let top = open.at(-1); top && !containsPrefix(top.prefix, next); top = open.at(-1))
    open.pop();
}

function size(prefix: Prefix): bigint {
  return 1n << BigInt(bitsOf(prefix.family) - prefix.length);
}
