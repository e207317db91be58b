/**
 * What Windows would be told. Pure, and held by golden tests only: it has been run nowhere yet.
 *
 * Windows has one routing table; the Windows Filtering Platform is the protection. Its filters are persistent, so that they
 * stand before our service starts and after it is killed. `netsh` and PowerShell cannot write them with weights, so a list
 * of filters is handed to culvert-engine's elevated helper as JSON; addresses and routes are plain PowerShell.
 */
import type { HostPlan } from '../../../contract/host-plan.ts';
import type { Command } from '../command.ts';

const POWERSHELL = 'C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe';
const NETSH = 'C:\\Windows\\System32\\netsh.exe';

/** One provider and one sublayer of ours, so that everything of ours can be found and taken back whole. */
export interface FilterSet {
  provider: string;
  sublayer: string;
  /** Replaced in one transaction; higher weights decide first. */
  filters: readonly Filter[];
}

export interface Filter {
  name: string;
  layer: 'connect-v4' | 'connect-v6' | 'receive-v4' | 'receive-v6' | 'forward-v4' | 'forward-v6';
  action: 'permit' | 'block';
  weight: number;
  /** Boot-time filters hold until the filtering engine has read the persistent ones. */
  lifetime: 'persistent' | 'boot-time';
  conditions: readonly Condition[];
}

export type Condition =
  | { field: 'remote-address'; ranges: readonly string[] }
  | { field: 'local-address'; addresses: readonly string[] }
  | { field: 'interface'; alias: string; isNot: boolean }
  | { field: 'program'; path: string }
  | { field: 'protocol'; protocol: 'udp' | 'icmpv6' }
  | { field: 'ports'; local: number; remote: number }
  | { field: 'loopback' };

export function renderFilters(plan: HostPlan, enginePath: string): FilterSet {
  const { guarded } = plan.protection;
  return {
    provider: 'Culvert',
    sublayer: 'Culvert protection',
    filters: [
      ...familyFilters(plan, enginePath, 'v4', guarded.v4),
      ...familyFilters(plan, enginePath, 'v6', guarded.v6),
    ],
  };
}

function familyFilters(
  plan: HostPlan,
  enginePath: string,
  family: 'v4' | 'v6',
  ranges: readonly string[],
): Filter[] {
  const { device } = plan.names;
  const out = `connect-${family}` as const;
  const elsewhere: Condition = { field: 'interface', alias: device, isNot: true };
  const lease = family === 'v4' ? { local: 68, remote: 67 } : { local: 546, remote: 547 };
  const permit = (name: string, weight: number, conditions: Condition[]): Filter => ({
    name,
    layer: out,
    action: 'permit',
    weight,
    lifetime: 'persistent',
    conditions,
  });
  const allowed = [
    permit('loopback', 15, [{ field: 'loopback' }]),
    permit('the engine’s own packets', 14, [{ field: 'program', path: enginePath }]),
    permit('DHCP', 13, [
      { field: 'protocol', protocol: 'udp' },
      { field: 'ports', ...lease },
    ]),
  ];
  if (ranges.length === 0) return allowed;
  const block = (layer: Filter['layer'], lifetime: Filter['lifetime']): Filter => ({
    name: 'private addresses outside the tunnel',
    layer,
    action: 'block',
    weight: 10,
    lifetime,
    conditions: [{ field: 'remote-address', ranges }, elsewhere],
  });
  const own = plan.protection.own[family];
  return [
    ...allowed,
    block(out, 'persistent'),
    block(out, 'boot-time'),
    block(`forward-${family}`, 'persistent'),
    ...(own.length > 0 ? [hideOwn(family, own, elsewhere)] : []),
  ];
}

function hideOwn(family: 'v4' | 'v6', own: readonly string[], elsewhere: Condition): Filter {
  return {
    name: 'our address belongs to the tunnel',
    layer: `receive-${family}`,
    action: 'block',
    weight: 12,
    lifetime: 'persistent',
    conditions: [{ field: 'local-address', addresses: own }, elsewhere],
  };
}

export function connectCommands(plan: HostPlan): Command[] {
  const { names, connection } = plan;
  const lines = [
    ...['IPv4', 'IPv6'].map(
      (family) =>
        `Set-NetIPInterface -InterfaceAlias '${names.device}' -AddressFamily ${family} -NlMtuBytes ${connection.mtu} -AutomaticMetric Disabled -InterfaceMetric 1 -DadTransmits 0`,
    ),
    ...connection.addresses.map(addressLine(names.device)),
    ...connection.tunnel.map(
      (cidr) =>
        `New-NetRoute -InterfaceAlias '${names.device}' -DestinationPrefix '${cidr}' -RouteMetric 0 -PolicyStore ActiveStore | Out-Null`,
    ),
  ];
  return [powershell(lines)];
}

/** `ActiveStore` everywhere: nothing of it would come back after a restart. */
export function disconnectCommands(plan: HostPlan): Command[] {
  const { names, connection } = plan;
  const lines = connection.tunnel.map(
    (cidr) =>
      `Remove-NetRoute -InterfaceAlias '${names.device}' -DestinationPrefix '${cidr}' -PolicyStore ActiveStore -Confirm:$false -ErrorAction SilentlyContinue`,
  );
  return [
    powershell(lines),
    { file: NETSH, argv: ['interface', 'ip', 'delete', 'destinationcache'] },
  ];
}

function addressLine(device: string): (text: string) => string {
  return (text) => {
    const [address, length] = text.split('/');
    return `New-NetIPAddress -InterfaceAlias '${device}' -IPAddress '${address}' -PrefixLength ${length} -SkipAsSource $false -PolicyStore ActiveStore | Out-Null`;
  };
}

/** Read from standard input, so that no command line is too long. Stops at the first failure. */
function powershell(lines: readonly string[]): Command {
  const script = ["$ErrorActionPreference = 'Stop'", ...lines, ''].join('\r\n');
  return {
    file: POWERSHELL,
    argv: ['-NoLogo', '-NoProfile', '-NonInteractive', '-Command', '-'],
    input: script,
  };
}
