import { expect, test } from 'vitest';
import { printCommands } from '../command.ts';
import { emptyPlan, samplePlan } from '../test-plan.ts';
import { connectCommands, disconnectCommands, type Filter, renderFilters } from './windows-plan.ts';

const engine = 'C:\\Program Files\\Culvert\\culvert-engine.exe';

test('private addresses are blocked on every interface but the tunnel, from boot on, also for guests', () => {
  const { provider, sublayer, filters } = renderFilters(samplePlan, engine);

  expect([provider, sublayer]).toEqual(['Culvert', 'Culvert protection']);
  expect(filters.filter(({ layer }) => layer.endsWith('v4')).map(line)).toEqual([
    'permit 15 connect-v4 persistent: loopback',
    'permit 14 connect-v4 persistent: the engine’s own packets',
    'permit 13 connect-v4 persistent: DHCP',
    'block 10 connect-v4 persistent: private addresses outside the tunnel',
    'block 10 connect-v4 boot-time: private addresses outside the tunnel',
    'block 10 forward-v4 persistent: private addresses outside the tunnel',
    'block 12 receive-v4 persistent: our address belongs to the tunnel',
  ]);
  expect(
    filters.find(({ action, layer }) => action === 'block' && layer === 'connect-v4')?.conditions,
  ).toEqual([
    {
      field: 'remote-address',
      ranges: ['192.168.0.0-192.168.0.76', '192.168.0.78-192.168.0.255'],
    },
    { field: 'interface', alias: 'culvert0', isNot: true },
  ]);
});

test('with nothing private nothing is blocked', () => {
  expect(renderFilters(emptyPlan, engine).filters.every(({ action }) => action === 'permit')).toBe(
    true,
  );
});

test('connecting is one PowerShell script that leaves nothing for the next start of Windows', () => {
  expect(printCommands(connectCommands(samplePlan)).replaceAll('\r', '')).toBe(
    `C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe -NoLogo -NoProfile -NonInteractive -Command -
    $ErrorActionPreference = 'Stop'
    Set-NetIPInterface -InterfaceAlias 'culvert0' -AddressFamily IPv4 -NlMtuBytes 1420 -AutomaticMetric Disabled -InterfaceMetric 1 -DadTransmits 0
    Set-NetIPInterface -InterfaceAlias 'culvert0' -AddressFamily IPv6 -NlMtuBytes 1420 -AutomaticMetric Disabled -InterfaceMetric 1 -DadTransmits 0
    New-NetIPAddress -InterfaceAlias 'culvert0' -IPAddress '100.96.0.5' -PrefixLength 32 -SkipAsSource $false -PolicyStore ActiveStore | Out-Null
    New-NetIPAddress -InterfaceAlias 'culvert0' -IPAddress 'fd00:c0de:1::5' -PrefixLength 128 -SkipAsSource $false -PolicyStore ActiveStore | Out-Null
    New-NetRoute -InterfaceAlias 'culvert0' -DestinationPrefix '192.168.0.0/24' -RouteMetric 0 -PolicyStore ActiveStore | Out-Null
    New-NetRoute -InterfaceAlias 'culvert0' -DestinationPrefix 'fd12::/64' -RouteMetric 0 -PolicyStore ActiveStore | Out-Null
`,
  );
});

test('disconnecting takes back the routes', () => {
  expect(printCommands(disconnectCommands(samplePlan)).replaceAll('\r', '')).toBe(
    `C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe -NoLogo -NoProfile -NonInteractive -Command -
    $ErrorActionPreference = 'Stop'
    Remove-NetRoute -InterfaceAlias 'culvert0' -DestinationPrefix '192.168.0.0/24' -PolicyStore ActiveStore -Confirm:$false -ErrorAction SilentlyContinue
    Remove-NetRoute -InterfaceAlias 'culvert0' -DestinationPrefix 'fd12::/64' -PolicyStore ActiveStore -Confirm:$false -ErrorAction SilentlyContinue
C:\\Windows\\System32\\netsh.exe interface ip delete destinationcache
`,
  );
});

function line({ action, weight, layer, lifetime, name }: Filter): string {
  return `${action} ${weight} ${layer} ${lifetime}: ${name}`;
}
