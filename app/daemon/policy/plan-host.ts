/** Configuration, preferences and facts about the computer → what its network should look like. */

import { OVERLAY_IPV4 } from '../../../gateway/contract/constants.ts';
import { type Pin, splitPolicy } from '../../../gateway/contract/decide/policy.ts';
import { compileRoutes, tunnelled } from '../../../gateway/contract/decide/routes.ts';
import { type Address, address, printAddress } from '../../../gateway/contract/net/address.ts';
import {
  type AddressSet,
  addressSet,
  mergePrefixes,
  subtract,
} from '../../../gateway/contract/net/address-set.ts';
import {
  cidr,
  containsAddress,
  hostPrefix,
  type Prefix,
  prefixAround,
  printCidr,
} from '../../../gateway/contract/net/prefix.ts';
import type { DeviceConfig, SplitTunnel } from '../../../gateway/contract/snapshot.ts';
import {
  type ConnectionPlan,
  HOST_NAMES,
  type HostFacts,
  type HostNames,
  type HostPlan,
  type ProtectionPlan,
} from '../../contract/host-plan.ts';
import type { Problem } from '../../contract/local-api.ts';
import { problem } from '../../contract/problem.ts';
import { findClashes, findOverlaps, type HostRoute, withLocalNetworks } from './local-networks.ts';

export interface PlanInput {
  config: DeviceConfig;
  facts: HostFacts;
  /** Connected prefixes that the user chose over the tunnel, as `facts` spells them. */
  useLocal: readonly string[];
  /** Addresses of the lists' domains. */
  pins?: readonly Pin[];
  names?: HostNames;
}

export function planHost(input: PlanInput): HostPlan {
  const { config, facts } = input;
  const names = input.names ?? HOST_NAMES;
  const own = ownAddresses(config);
  const compiled = compileRoutes(carriedPolicy(input));
  const routes = withLocalNetworks(compiled, facts.connected, input.useLocal);
  return {
    names,
    protection: protection(routes, own),
    connection: connection(config, routes, own),
    routes: routes.map(({ prefix, path, because }) => ({ cidr: printCidr(prefix), path, because })),
    overlaps: findOverlaps(compiled, facts.connected, input.useLocal),
    clashes: findClashes(own, facts.connected),
  };
}

/** Why this configuration may protect, but not connect. */
export function whyBlocked(config: DeviceConfig): Problem | null {
  if (config.profile.splitTunnel.defaultPath === 'direct') return null;
  return problem('internet-not-carried');
}

/** What nobody carries is not taken from its usual way: the private ranges stay protected, the rest is left alone. */
function carriedPolicy({ config, pins }: PlanInput) {
  const splitTunnel: SplitTunnel = { ...config.profile.splitTunnel, defaultPath: 'direct' };
  return splitPolicy({ splitTunnel, networks: config.networks, pins: pins ?? [] });
}

function ownAddresses({ addresses }: DeviceConfig): Address[] {
  return [addresses.ipv4, ...(addresses.ipv6 ? [addresses.ipv6] : [])].map(address);
}

function protection(routes: readonly HostRoute[], own: readonly Address[]): ProtectionPlan {
  const guarded = subtract(tunnelled(routes), addressSet(own.map(hostPrefix)));
  return {
    unreachable: cidrsOf(routes, 'tunnel'),
    direct: cidrsOf(routes, 'direct'),
    guarded: spans(guarded),
    own: {
      v4: own.filter(({ family }) => family === 4).map(printAddress),
      v6: own.filter(({ family }) => family === 6).map(printAddress),
    },
  };
}

function connection(
  config: DeviceConfig,
  routes: readonly HostRoute[],
  own: readonly Address[],
): ConnectionPlan {
  const families = new Set(own.map(({ family }) => family));
  const tunnel = routes.filter(({ path }) => path === 'tunnel').map(({ prefix }) => prefix);
  // Without an address of a family there is nothing to send from: those ranges stay unreachable, which is told at once.
  const usable = tunnel.filter(({ family }) => families.has(family));
  return {
    mtu: config.mtu,
    addresses: own.map((one) => printCidr(hostPrefix(one))),
    tunnel: usable.map(printCidr),
    allowedIps: mergePrefixes([...usable, ...own.map(overlayAround)]).map(printCidr),
  };
}

/** The gateway itself answers from the overlay: refusals, and later the resolver. */
function overlayAround(own: Address): Prefix {
  if (own.family === 6) return prefixAround(own, 48);
  const usual = cidr(OVERLAY_IPV4);
  return containsAddress(usual, own) ? usual : prefixAround(own, usual.length);
}

function cidrsOf(routes: readonly HostRoute[], path: HostRoute['path']): string[] {
  return routes.filter((route) => route.path === path).map(({ prefix }) => printCidr(prefix));
}

function spans(set: AddressSet): ProtectionPlan['guarded'] {
  return {
    v4: set.v4.map(({ first, last }) =>
      span({ family: 4, value: first }, { family: 4, value: last }),
    ),
    v6: set.v6.map(({ first, last }) =>
      span({ family: 6, value: first }, { family: 6, value: last }),
    ),
  };
}

function span(first: Address, last: Address): string {
  const start = printAddress(first);
  return first.value === last.value ? start : `${start}-${printAddress(last)}`;
}
