import { expect, test } from 'vitest';
import { HOST_NAMES } from '../../../contract/host-plan.ts';
import { emptyPlan, samplePlan } from '../test-plan.ts';
import { renderDevice } from './device.ts';
import { renderFirewall } from './firewall-rules.ts';
import { isFirewallChange, whatChanged } from './monitor.ts';
import {
  REFUSING,
  refusingRoutes,
  renderAdditions,
  renderRemovals,
  routeChanges,
  tunnelRoutes,
} from './routes.ts';
import { ruleArguments } from './rules.ts';

test('a private range is refused by default and goes into the tunnel above that; an excluded host passes on', () => {
  const routes = [...refusingRoutes(samplePlan), ...tunnelRoutes(samplePlan)];

  expect(renderAdditions(routes, HOST_NAMES)).toBe(
    `route replace unreachable 192.168.0.0/24 table 5182 metric 4278198272 proto 182
route replace unreachable fd12::/64 table 5182 metric 4278198272 proto 182
route replace throw 192.168.0.77/32 table 5182 metric 2 proto 182
route replace 192.168.0.0/24 dev culvert0 table 5182 metric 1 proto 182
route replace fd12::/64 dev culvert0 table 5182 metric 1 proto 182
`,
  );
});

test('only the difference is done, and routes of other kinds are left alone', () => {
  const current = [...refusingRoutes(samplePlan), ...tunnelRoutes(samplePlan)];
  const wanted = refusingRoutes(samplePlan).filter(({ cidr }) => cidr !== 'fd12::/64');

  const changes = routeChanges(
    current,
    [...wanted, { kind: 'direct', cidr: '192.168.0.78/32' }],
    REFUSING,
  );

  expect(renderAdditions(changes.add, HOST_NAMES)).toBe(
    'route replace throw 192.168.0.78/32 table 5182 metric 2 proto 182\n',
  );
  expect(renderRemovals(changes.remove, HOST_NAMES)).toBe(
    'route del unreachable fd12::/64 table 5182 metric 4278198272 proto 182\n',
  );
});

test('one rule a family sends every look-up to our table, but for the engine’s own packets', () => {
  expect(ruleArguments(4, 'add', HOST_NAMES).join(' ')).toBe(
    '-4 rule add not fwmark 0x43000000/0xff000000 lookup 5182 priority 5182 protocol 182',
  );
  expect(ruleArguments(6, 'del', HOST_NAMES).join(' ')).toBe(
    '-6 rule del not fwmark 0x43000000/0xff000000 lookup 5182 priority 5182 protocol 182',
  );
});

test('the device gets its size and its addresses', () => {
  expect(renderDevice(samplePlan)).toBe(
    `link set dev culvert0 mtu 1420 up
address replace 100.96.0.5/32 dev culvert0
address replace fd00:c0de:1::5/128 dev culvert0 nodad
`,
  );
});

test('the firewall keeps private addresses in the tunnel, and the tunnel’s address to itself', () => {
  expect(renderFirewall(samplePlan)).toBe(
    `add table inet culvert
delete table inet culvert
table inet culvert {
  set private4 {
    type ipv4_addr
    flags interval
    elements = { 192.168.0.0-192.168.0.76, 192.168.0.78-192.168.0.255 }
  }
  set private6 {
    type ipv6_addr
    flags interval
    elements = { fd12::-fd12::ffff:ffff:ffff:ffff }
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset comment "refuse tcp"
    reject with icmpx admin-prohibited comment "refuse the rest"
  }
  chain guard {
    meta mark and 0xff000000 == 0x43000000 return comment "packets of the tunnel itself"
    oifname { "lo", "culvert0" } return comment "where they belong"
    ip daddr @private4 goto refuse comment "private addresses"
    ip6 daddr @private6 goto refuse comment "private addresses, IPv6"
  }
  chain output {
    type filter hook output priority filter - 5; policy accept;
    udp sport 68 udp dport 67 accept comment "DHCP"
    udp sport 546 udp dport 547 accept comment "DHCPv6"
    icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept comment "neighbour discovery"
    oifname "culvert0" ip saddr != 100.96.0.5 goto refuse comment "connections older than the tunnel, not from 100.96.0.5"
    oifname "culvert0" ip6 saddr != { fd00:c0de:1::5, fe80::/10, :: } goto refuse comment "connections older than the tunnel, not from fd00:c0de:1::5"
    jump guard comment "keep private traffic in the tunnel"
  }
  chain forward {
    type filter hook forward priority filter - 5; policy accept;
    jump guard comment "keep private traffic in the tunnel"
  }
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname != "culvert0" ip daddr 100.96.0.5 fib saddr type != local drop comment "our address 100.96.0.5 belongs to the tunnel"
    iifname != "culvert0" ip6 daddr fd00:c0de:1::5 fib saddr type != local drop comment "our address fd00:c0de:1::5 belongs to the tunnel"
  }
}
`,
  );
});

test('a plan with nothing private is still a valid firewall', () => {
  const text = renderFirewall(emptyPlan);

  expect(text).not.toContain('elements');
  expect(text).not.toContain('daddr {  }');
});

test.each([
  ['2: lan0    inet 172.30.0.2/24 brd 172.30.0.255 scope global lan0', 'network'],
  ['Deleted default via 172.30.0.1 dev lan0 ', 'network'],
  ['3: lan0: <BROADCAST,MULTICAST> mtu 1500 qdisc noqueue state DOWN group default ', 'network'],
  ['Deleted unreachable 10.20.0.0/16 table 5182 proto 182 metric 4278198272 ', 'protection'],
  ['Deleted 5182:	not from all fwmark 0x43000000/0xff000000 lookup 5182 proto 182', 'protection'],
  ['5182:	from 10.99.0.0/16 lookup 100', 'protection'],
  ['5182:	not from all fwmark 0x43000000/0xff000000 lookup 5182 proto 182', 'nothing'],
  ['10.20.0.0/16 dev culvert0 table 5182 proto 182 scope link metric 1 ', 'nothing'],
  ['Deleted 10.20.0.0/16 dev culvert0 table 5182 proto 182 scope link metric 1 ', 'nothing'],
  [
    '7: culvert0: <POINTOPOINT,UP> mtu 1420 qdisc pfifo_fast state UNKNOWN group default ',
    'nothing',
  ],
  ['', 'nothing'],
] as const)('%j is a change of: %s', (line, what) => {
  expect(whatChanged(line, HOST_NAMES)).toBe(what);
});

test('a flushed or deleted firewall table is heard, other tables are not', () => {
  expect(isFirewallChange('delete table inet culvert', HOST_NAMES)).toBe(true);
  expect(isFirewallChange('delete rule inet culvert guard handle 12', HOST_NAMES)).toBe(true);
  expect(isFirewallChange('add table inet culvert', HOST_NAMES)).toBe(false);
  expect(isFirewallChange('delete table inet filter', HOST_NAMES)).toBe(false);
});
