/** What a plan takes of the computer, as the ledger names it. */
import type { HostNames, HostPlan } from '../../../contract/host-plan.ts';
import type { Claim } from '../ledger.ts';
import type { Family } from './rules.ts';
import { PRESUMED_SETTINGS } from './settings.ts';

export function protectionClaims(names: HostNames, families: readonly Family[]): Claim[] {
  const { table, priority, mark, markMask, firewallTable } = names;
  return [
    { kind: 'firewall', table: firewallTable },
    ...families.map((family): Claim => ({ kind: 'rule', family, priority, table, mark, markMask })),
    { kind: 'refusing-routes', table },
  ];
}

export function connectionClaims({ names, connection }: HostPlan): Claim[] {
  return [
    { kind: 'tunnel-routes', table: names.table },
    { kind: 'addresses', device: names.device, addresses: [...connection.addresses] },
  ];
}

/** What may be ours when nobody knows any more. Addresses went, or go, with their device. */
export function presumedClaims(names: HostNames): Claim[] {
  return [
    ...protectionClaims(names, [4, 6]),
    { kind: 'tunnel-routes', table: names.table },
    ...PRESUMED_SETTINGS,
  ];
}
