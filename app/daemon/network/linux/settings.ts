/** Kernel settings: the value from before is in the ledger before ours is written, and goes back unless somebody changed it since. */
import type { Claim } from '../ledger.ts';
import type { LinuxHost } from './host.ts';

type SettingClaim = Extract<Claim, { kind: 'setting' }>;

/**
 * With 0 the kernel answers ARP for any of its addresses on any interface, so a neighbour could find the tunnel's address.
 * 1 answers only where the address lives. 2 would also refuse askers outside the subnet: that cuts off machines with a /32
 * of their own, as several clouds hand out.
 */
const ARP_IGNORE = { key: 'net/ipv4/conf/all/arp_ignore', atLeast: 1 };

/** What would be changed; nothing where the host is as strict already. */
export async function settingClaims(host: LinuxHost): Promise<SettingClaim[]> {
  const before = await host.readSetting(ARP_IGNORE.key);
  if (before === undefined || Number(before) >= ARP_IGNORE.atLeast) return [];
  return [{ kind: 'setting', key: ARP_IGNORE.key, before, wrote: `${ARP_IGNORE.atLeast}` }];
}

export async function applySettings(
  host: LinuxHost,
  claims: readonly SettingClaim[],
): Promise<void> {
  for (const { key, wrote } of claims) await host.writeSetting(key, wrote);
}

export type SettingUndo = 'restored' | 'untouched' | 'unknown';

export async function restoreSetting(host: LinuxHost, claim: SettingClaim): Promise<SettingUndo> {
  if ((await host.readSetting(claim.key)) !== claim.wrote) return 'untouched';
  if (claim.before === null) return 'unknown';
  await host.writeSetting(claim.key, claim.before);
  return 'restored';
}

/** For a ledger that cannot be read: the setting may be ours, but what it was is lost. */
export const PRESUMED_SETTINGS: readonly SettingClaim[] = [
  { kind: 'setting', key: ARP_IGNORE.key, before: null, wrote: `${ARP_IGNORE.atLeast}` },
];
