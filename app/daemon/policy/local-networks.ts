/**
 * Where the network a computer sits in has the same addresses as something in the tunnel. The tunnel wins, for whoever
 * runs that network could otherwise draw private traffic to himself; the user may choose the local one and is told.
 */

import type { NetworkRef } from '../../../gateway/contract/decide/policy.ts';
import type { CompiledRoute } from '../../../gateway/contract/decide/routes.ts';
import { tunnelled, withoutRedundant } from '../../../gateway/contract/decide/routes.ts';
import { type Address, printAddress } from '../../../gateway/contract/net/address.ts';
import {
  addressSet,
  intersect,
  minimalPrefixes,
} from '../../../gateway/contract/net/address-set.ts';
import {
  cidr,
  comparePrefixes,
  containsAddress,
  containsPrefix,
  type Prefix,
  prefixesOverlap,
  printCidr,
} from '../../../gateway/contract/net/prefix.ts';
import type {
  ConnectedPrefix,
  Overlap,
  OverlayClash,
  PlannedRoute,
} from '../../contract/host-plan.ts';

export interface HostRoute {
  prefix: Prefix;
  path: PlannedRoute['path'];
  because: PlannedRoute['because'];
}

/** A chosen local network takes its addresses out of the tunnel, all of them. */
export function withLocalNetworks(
  routes: readonly CompiledRoute[],
  connected: readonly ConnectedPrefix[],
  useLocal: readonly string[],
): HostRoute[] {
  const chosen = connected.filter((one) => useLocal.includes(one.cidr));
  if (chosen.length === 0) return [...routes];
  const locals = chosen.map(
    (one): HostRoute => ({
      prefix: cidr(one.cidr),
      path: 'direct',
      because: { kind: 'local', interface: one.interface },
    }),
  );
  const others = routes.filter(
    (route) => !locals.some((local) => containsPrefix(local.prefix, route.prefix)),
  );
  const sorted = [...others, ...locals].sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  return withoutRedundant(sorted);
}

/** More than a person would read. */
const MAX_CIDRS = 8;

export function findOverlaps(
  routes: readonly CompiledRoute[],
  connected: readonly ConnectedPrefix[],
  useLocal: readonly string[],
): Overlap[] {
  const set = tunnelled(routes);
  return connected.flatMap((one): Overlap[] => {
    const prefix = cidr(one.cidr);
    const shared = minimalPrefixes(intersect(addressSet([prefix]), set));
    if (shared.length === 0) return [];
    return [
      {
        connected: one.cidr,
        interface: one.interface,
        cidrs: widestFirst(shared).slice(0, MAX_CIDRS).map(printCidr),
        networks: networksOf(routes, prefix),
        using: useLocal.includes(one.cidr) ? 'local' : 'tunnel',
      },
    ];
  });
}

/** Our address inside the tunnel must not be somebody's on the local network. */
export function findClashes(
  own: readonly Address[],
  connected: readonly ConnectedPrefix[],
): OverlayClash[] {
  return own.flatMap((one) =>
    connected
      .filter((local) => containsAddress(cidr(local.cidr), one))
      .map((local) => ({
        address: printAddress(one),
        connected: local.cidr,
        interface: local.interface,
      })),
  );
}

function networksOf(routes: readonly CompiledRoute[], prefix: Prefix): NetworkRef[] {
  const byId = new Map<string, NetworkRef>();
  for (const { prefix: route, because } of routes) {
    if (because.kind !== 'network' || !prefixesOverlap(route, prefix)) continue;
    for (const network of because.networks) byId.set(network.id, network);
  }
  return [...byId.values()];
}

function widestFirst(prefixes: readonly Prefix[]): Prefix[] {
  return prefixes.toSorted((a, b) => a.length - b.length || comparePrefixes(a, b));
}
