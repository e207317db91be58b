import { expect, test } from 'vitest';
import { printCommands } from '../command.ts';
import { samplePlan } from '../test-plan.ts';
import {
  connectCommands,
  disconnectCommands,
  protectCommands,
  unprotectCommands,
} from './darwin-plan.ts';

const gateways = [{ address: '203.0.113.7', port: 51820 }];

test('the protection is one pf anchor, loaded whole', () => {
  expect(printCommands(protectCommands(samplePlan, gateways))).toBe(
    `/sbin/pfctl -a com.apple/250.culvert -f -
    table <culvert_private> const { 192.168.0.0/24 fd12::/64 !192.168.0.77/32 }
    table <culvert_own> const { 100.96.0.5 fd00:c0de:1::5 }
    pass out quick on lo0 all flags any no state
    pass out quick proto udp from any to 203.0.113.7 port 51820 user root no state
    pass out quick inet proto udp from any port 68 to any port 67 no state
    pass out quick inet6 proto udp from any port 546 to any port 547 no state
    pass out quick inet6 proto icmp6 all icmp6-type { neighbrsol, neighbradv, routersol } no state
    pass out quick on culvert0 from <culvert_own> to <culvert_private> flags any no state
    block return out quick to <culvert_private>
    block drop in quick on ! culvert0 to <culvert_own>
/sbin/pfctl -E
`,
  );
  expect(printCommands(unprotectCommands('123456'))).toBe(
    `/sbin/pfctl -a com.apple/250.culvert -F all
/sbin/pfctl -X 123456
`,
  );
});

test('connecting gives the device its addresses and routes, and ends older connections', () => {
  expect(printCommands(connectCommands(samplePlan, 'utun7'))).toBe(
    `/sbin/ifconfig utun7 mtu 1420 up
/sbin/ifconfig utun7 inet 100.96.0.5 100.96.0.5 netmask 255.255.255.255 alias
/sbin/ifconfig utun7 inet6 fd00:c0de:1::5 prefixlen 128 alias
/sbin/route -q -n add -inet -net 192.168.0.0/24 -interface utun7
/sbin/route -q -n add -inet6 -net fd12::/64 -interface utun7
/sbin/pfctl -k 0.0.0.0/0 -k 192.168.0.0/24
/sbin/pfctl -k ::/0 -k fd12::/64
`,
  );
});

test('disconnecting takes back the routes and leaves the anchor', () => {
  expect(printCommands(disconnectCommands(samplePlan, 'utun7'))).toBe(
    `/sbin/route -q -n delete -inet -net 192.168.0.0/24 -interface utun7
/sbin/route -q -n delete -inet6 -net fd12::/64 -interface utun7
`,
  );
});
