/** The addresses that a device sends into the tunnel, as an exact set, so that two policies can be subtracted. */

import type { SplitPolicy } from '../../contract/decide/policy.ts';
import { compileRoutes } from '../../contract/decide/routes.ts';
import {
  type AddressSet,
  addressSet,
  minimalPrefixes,
  subtract,
} from '../../contract/net/address-set.ts';
import { containsPrefix, type Prefix } from '../../contract/net/prefix.ts';

interface Open {
  prefix: Prefix;
  isTunnel: boolean;
  children: Prefix[];
}

/** Routes come wider before narrower, so a stack of open ones gives each its direct children. */
export function tunnelSet(policy: SplitPolicy): AddressSet {
  const stack: Open[] = [];
  const all: Open[] = [];
  for (const { prefix, path } of compileRoutes(policy)) {
    while (stack.length > 0 && !containsPrefix((stack.at(-1) as Open).prefix, prefix)) stack.pop();
    stack.at(-1)?.children.push(prefix);
    const open: Open = { prefix, isTunnel: path === 'tunnel', children: [] };
    stack.push(open);
    all.push(open);
  }
  return addressSet(all.filter(({ isTunnel }) => isTunnel).flatMap(ownPrefixes));
}

function ownPrefixes({ prefix, children }: Open): Prefix[] {
  if (children.length === 0) return [prefix];
  return minimalPrefixes(subtract(addressSet([prefix]), addressSet(children)));
}
