/** What removing a range, or a whole network, would do: told before anybody removes it. */
import { cidr, prefixesOverlap, printCidr } from '../../contract/net/prefix.ts';
import { type Said, said, several } from '../../contract/said.ts';
import { isLive, type PolicyNetwork, type PolicyState } from './policy-state.ts';
import type { Reach } from './reach.ts';
import { subjectsOf } from './rules.ts';

export interface Removal {
  network: PolicyNetwork;
  /** Undefined: the network with all that is in it. */
  range: string | undefined;
  /** Names of the network's connectors. */
  connectors: readonly string[];
  now: number;
}

export function removalEffects(state: PolicyState, reach: Reach, removal: Removal): Said[] {
  const { network, range, connectors } = removal;
  const ranges = range === undefined ? network.ranges : [range];
  return [
    losers(state, reach, removal),
    ...ranges.flatMap((one) => inherited(one, network, state.networks)),
    ...(range === undefined ? alongWith(state, network, connectors) : []),
  ];
}

function losers(state: PolicyState, reach: Reach, { network, range, now }: Removal): Said {
  const count = state.devices.filter(
    (device) =>
      isLive(device, now) &&
      reach.networksOf(reach.keyOf(subjectsOf(device, state))).includes(network),
  ).length;
  if (count === 0) return said('nobody-loses');
  return range === undefined
    ? said('devices-lose-network', { count })
    : said('devices-lose-range', { count, range });
}

/** Who else has these addresses, or a part of them, gets them. */
function inherited(
  range: string,
  network: PolicyNetwork,
  networks: readonly PolicyNetwork[],
): Said[] {
  const gone = cidr(range);
  return networks
    .filter((other) => other !== network)
    .flatMap((other) =>
      other.ranges.map(cidr).flatMap((prefix) => {
        if (!prefixesOverlap(prefix, gone)) return [];
        // A narrower range of the other network has its part already.
        if (prefix.length > gone.length) return [];
        return [said('goes-to-other', { part: printCidr(gone), network: other.name })];
      }),
    );
}

function alongWith(
  state: PolicyState,
  { id }: PolicyNetwork,
  connectors: readonly string[],
): Said[] {
  const rules = state.rules.filter(
    ({ networkIds }) => networkIds.length > 0 && networkIds.every((one) => one === id),
  );
  return [
    ...(connectors.length > 0 ? [said('connectors-go', { connectors: several(connectors) })] : []),
    ...(rules.length > 0
      ? [said('rules-go', { rules: several(rules.map(({ name }) => name)) })]
      : []),
  ];
}
