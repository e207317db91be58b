/** For tests: a small organisation as plain values. */
import type { Rule } from '../../contract/admin-api.ts';
import type { GatewayFacts, PolicyDevice, PolicyNetwork, PolicyState } from './policy-state.ts';

export const NOW = 1_800_000_000_000;

export const GATEWAY: GatewayFacts = {
  peer: { id: 'gw', name: 'gateway', publicKey: 'GW=', endpoints: ['203.0.113.7:51820'] },
  privateKey: 'secret',
  listenPort: 51820,
  mtu: 1420,
};

export function state(over: Partial<PolicyState> = {}): PolicyState {
  return {
    revision: 7,
    organisation: {
      id: 'org',
      name: 'Example',
      overlay: ['100.96.0.0/16', 'fd12::/48'],
      contact: null,
    },
    users: new Map([
      [
        'alice',
        { id: 'alice', email: 'alice@example.com', name: 'Alice', groups: ['staff', 'admins'] },
      ],
      ['bob', { id: 'bob', email: 'bob@example.com', name: 'Bob', groups: [] }],
    ]),
    devices: [device('alice-laptop', 'alice', 2), device('bob-laptop', 'bob', 3)],
    networks: [network('tokyo', ['192.168.0.0/24']), network('lab', ['10.8.0.0/16'])],
    connectors: [
      {
        id: 'con-1',
        networkId: 'tokyo',
        wireguardKey: 'CON=',
        ipv4: '100.96.0.9',
        ipv6: 'fd12::9',
        reachesNothing: false,
      },
    ],
    rules: [],
    profiles: [
      {
        id: 'default',
        name: 'Default',
        isDefault: true,
        splitTunnel: { defaultPath: 'direct', include: [], exclude: [] },
      },
    ],
    ...over,
  };
}

export function device(id: string, userId: string, host: number): PolicyDevice {
  return {
    id,
    userId,
    profileId: null,
    wireguardKey: `${id}=`,
    ipv4: `100.96.0.${host}`,
    ipv6: `fd12::${host}`,
    sessionExpiresAt: NOW + 1000,
  };
}

export function network(id: string, ranges: string[]): PolicyNetwork {
  return { id, name: id, ranges };
}

let lastNumber = 0;

export function rule(over: Partial<Rule> = {}): Rule {
  lastNumber += 1;
  return {
    id: `rule-${lastNumber}`,
    number: lastNumber,
    name: `Rule ${lastNumber}`,
    action: 'allow',
    subjects: [{ kind: 'everyone' }],
    networkIds: [],
    ranges: [],
    protocol: 'any',
    ports: [],
    enabled: true,
    ...over,
  };
}
