import type { Status } from '../../../../contract/local-api.ts';

export type Network = Status['networks'][number];

/** Those with what was typed in their name or in one of their ranges; the broken ones first, for they are why one looks. */
export function matchingNetworks(networks: readonly Network[], typed: string): Network[] {
  const wanted = typed.trim().toLowerCase();
  const found = networks.filter(
    ({ name, ranges }) =>
      wanted === '' ||
      name.toLowerCase().includes(wanted) ||
      ranges.some((range) => range.includes(wanted)),
  );
  return found.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

function rank({ connectors }: Network): number {
  return connectors.healthy > 0 ? 1 : 0;
}
