/**
 * The world of the demo and of most scenarios.
 *
 *   home 192.168.178.0/24          internet 203.0.113.0/24            vpc 192.168.0.0/24
 *
 *   laptop  .20 ─┐                ┌─ gateway .10                   ┌─ server .10  sshd; the connector is installed here
 *   printer .30 ─┼─ home-router ──┼─ login   .20 (provider)        ├─ second .20  web, DNS; knows nothing of us
 *                   .1       .2   └─ vpc-router .3 ── .1 ──────────┘
 *
 * Both routers masquerade and let nothing in: the VPC has no inbound port. Names end in `.localhost`, so that a person's own
 * browser can open the same addresses through a forwarded port, without any change to their machine.
 */
import type { HostSpec, Topology } from '../lab/topology.ts';

export const GATEWAY_NAME = 'gateway.localhost';
export const PROVIDER_NAME = 'login.localhost';
export const GATEWAY_ADDRESS = '203.0.113.10';
export const PROVIDER_ADDRESS = '203.0.113.20';
export const GATEWAY_PORT = 8443;
export const PROVIDER_PORT = 9443;

const names = { [GATEWAY_ADDRESS]: GATEWAY_NAME, [PROVIDER_ADDRESS]: PROVIDER_NAME };

export const worldTopology: Topology = {
  segments: ['home', 'internet', 'vpc'],
  hosts: {
    laptop: {
      holds: 'culvert',
      links: [{ name: 'wlan0', segment: 'home', addresses: ['192.168.178.20/24'] }],
      via: ['192.168.178.1'],
      names,
      users: ['alice'],
    },
    printer: {
      holds: 'bare',
      links: [{ name: 'eth0', segment: 'home', addresses: ['192.168.178.30/24'] }],
      via: ['192.168.178.1'],
    },
    'home-router': router('home', '192.168.178.1/24', '203.0.113.2/24'),
    gateway: {
      holds: 'culvert',
      links: [{ name: 'eth0', segment: 'internet', addresses: [`${GATEWAY_ADDRESS}/24`] }],
      names,
      users: ['culvert-gateway'],
    },
    login: {
      holds: 'culvert',
      links: [{ name: 'eth0', segment: 'internet', addresses: [`${PROVIDER_ADDRESS}/24`] }],
      names,
    },
    'vpc-router': router('vpc', '192.168.0.1/24', '203.0.113.3/24'),
    server: {
      holds: 'bare',
      links: [{ name: 'eth0', segment: 'vpc', addresses: ['192.168.0.10/24'] }],
      via: ['192.168.0.1'],
      names,
      users: ['alice'],
    },
    second: {
      holds: 'bare',
      links: [{ name: 'eth0', segment: 'vpc', addresses: ['192.168.0.20/24'] }],
      via: ['192.168.0.1'],
      users: ['alice'],
    },
  },
};

function router(inside: string, insideAddress: string, outsideAddress: string): HostSpec {
  return {
    holds: 'bare',
    links: [
      { name: 'lan0', segment: inside, addresses: [insideAddress] },
      { name: 'wan0', segment: 'internet', addresses: [outsideAddress] },
    ],
    masqueradeOut: 'wan0',
  };
}
