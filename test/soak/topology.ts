/**
 *   steady, roamer, guest ═══ hub ═══ connector ── target       devices of ours, gateway, connector without rights
 *   left ═══ right                                              wg0: our device and wireguard-go; wg1: wireguard-go twice
 *
 *   ═══ tunnel over 198.51.100.0/24   ── plain network 10.77.0.0/24
 */
import type { HostSpec, Topology } from '../lab/topology.ts';

export const HUB = { outer: '198.51.100.254', port: 51820 };
export const TARGET = '10.77.0.10';
export const ECHO_PORT = 7777;

/** Devices by name; `roamer` also has its second outer address, at times instead of the first. */
export const DEVICES = {
  steady: { outer: '198.51.100.11', inner: '100.96.0.11' },
  roamer: { outer: '198.51.100.12', other: '198.51.100.112', inner: '100.96.0.12' },
  guest: { outer: '198.51.100.13', inner: '100.96.0.13' },
};
export type DeviceName = keyof typeof DEVICES;
export const CONNECTOR = { outer: '198.51.100.20', behind: '10.77.0.1', inner: '100.96.1.1' };

/** Each pair of interfaces between `left` and `right` has a port and a network of its own. */
export const PAIRS = [
  { interfaceName: 'wg0', port: 51820, left: '10.60.0.1', right: '10.60.0.2' },
  { interfaceName: 'wg1', port: 51821, left: '10.60.1.1', right: '10.60.1.2' },
] as const;
export const LEFT = '198.51.100.31';
export const RIGHT = '198.51.100.32';

export const soakTopology: Topology = {
  segments: ['wan', 'lan'],
  hosts: {
    steady: onWan(DEVICES.steady.outer),
    roamer: onWan(DEVICES.roamer.outer),
    guest: onWan(DEVICES.guest.outer),
    hub: onWan(HUB.outer),
    connector: {
      holds: 'culvert',
      links: [
        { name: 'eth0', segment: 'wan', addresses: [`${CONNECTOR.outer}/24`] },
        { name: 'eth1', segment: 'lan', addresses: [`${CONNECTOR.behind}/24`] },
      ],
    },
    target: {
      holds: 'culvert',
      links: [{ name: 'eth0', segment: 'lan', addresses: [`${TARGET}/24`] }],
    },
    left: onWan(LEFT),
    right: onWan(RIGHT),
  },
};

function onWan(address: string): HostSpec {
  return {
    holds: 'culvert',
    links: [{ name: 'eth0', segment: 'wan', addresses: [`${address}/24`] }],
  };
}
