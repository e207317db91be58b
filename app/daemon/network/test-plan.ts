/** A plan of every kind of thing, for golden tests: all platforms render the same one. */
import { HOST_NAMES, type HostPlan } from '../../contract/host-plan.ts';

export const samplePlan: HostPlan = {
  names: HOST_NAMES,
  protection: {
    unreachable: ['192.168.0.0/24', 'fd12::/64'],
    direct: ['192.168.0.77/32'],
    guarded: {
      v4: ['192.168.0.0-192.168.0.76', '192.168.0.78-192.168.0.255'],
      v6: ['fd12::-fd12::ffff:ffff:ffff:ffff'],
    },
    own: { v4: ['100.96.0.5'], v6: ['fd00:c0de:1::5'] },
  },
  connection: {
    mtu: 1420,
    addresses: ['100.96.0.5/32', 'fd00:c0de:1::5/128'],
    tunnel: ['192.168.0.0/24', 'fd12::/64'],
    allowedIps: ['100.96.0.0/16', '192.168.0.0/24', 'fd00:c0de:1::/48', 'fd12::/64'],
  },
  routes: [],
  overlaps: [],
  clashes: [],
};

export const emptyPlan: HostPlan = {
  ...samplePlan,
  protection: { unreachable: [], direct: [], guarded: { v4: [], v6: [] }, own: { v4: [], v6: [] } },
  connection: { mtu: 1420, addresses: [], tunnel: [], allowedIps: [] },
};
