/**
 * What this host's kernel is asked to do for a connector, as data. The engine has judged each packet already (its sources,
 * its destinations, never this host itself); the firewall says the same once more, so that a fault in one is none in both.
 */
import type { ConnectorConfig } from '../../contract/snapshot.ts';
import type { PortRange } from './ports.ts';

/** One a host: a second connector on the same machine works in user space. */
export const INTERFACE = 'culvert-net';
export const TABLE = 'culvert_connector';

export interface KernelFacts {
  ports: PortRange;
  /** Interfaces from which this host would forward nothing without us. What comes from them is only ever answers. */
  closedInterfaces: readonly string[];
}

export interface KernelPlan {
  /** For `nft -f -`. */
  firewall: string;
  address: string;
  mtu: number;
  routes: readonly string[];
  /** Below /proc/sys. */
  settings: readonly { path: string; value: string }[];
}

/** Addresses that only this host or its link has, whatever a range around them says; `admission.rs` has the reasons. */
const CLOSED = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '100.100.100.200',
  '192.0.0.192',
  '168.63.129.16',
  '224.0.0.0/3',
];

/** IPv4 alone: IPv6 stays in user space, for a kernel that forwards it stops listening to its router's announcements. */
export function planKernel(config: ConnectorConfig, facts: KernelFacts): KernelPlan {
  return {
    firewall: renderFirewall(config, facts),
    address: `${config.addresses.ipv4}/32`,
    mtu: config.mtu,
    routes: config.overlay.filter(isIpv4),
    settings: [INTERFACE, ...facts.closedInterfaces].map((name) => ({
      path: forwardingPath(name),
      value: '1',
    })),
  };
}

/** Adding before deleting makes the deletion work whether or not there is a table. */
function renderFirewall(config: ConnectorConfig, { ports, closedInterfaces }: KernelFacts): string {
  const ranges = config.network.ranges.filter(isIpv4);
  const named = ranges.filter((range) => !range.includes('/') || range.endsWith('/32'));
  const overlay = config.overlay.filter(isIpv4);
  return `table ip ${TABLE}
delete table ip ${TABLE}
table ip ${TABLE} {
${set('overlay', overlay)}${set('ranges', ranges)}${set('named', named)}${set('closed', CLOSED)}	set no_router {
		type ifname
${elements(closedInterfaces.map((name) => `"${name}"`))}	}

	chain from_devices {
		ct state invalid drop
		ip saddr != @overlay drop
		ip daddr @overlay drop
		ip daddr @closed ip daddr != @named drop
		ip daddr @ranges accept
		drop
	}

	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname "${INTERFACE}" jump from_devices
		oifname "${INTERFACE}" ct state established,related accept
		oifname "${INTERFACE}" drop
		iifname @no_router drop
	}

	chain input {
		type filter hook input priority filter; policy accept;
		iifname "${INTERFACE}" drop
	}

	chain output {
		type filter hook output priority filter; policy accept;
		oifname "${INTERFACE}" ct state established,related accept
		oifname "${INTERFACE}" drop
	}

	chain translate {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "${INTERFACE}" return
		ip saddr @overlay meta l4proto { tcp, udp } masquerade to :${ports[0]}-${ports[1]} fully-random
		ip saddr @overlay masquerade fully-random
	}
}
`;
}

function set(name: string, listed: readonly string[]): string {
  return `	set ${name} {
		type ipv4_addr
		flags interval
		auto-merge
${elements(listed)}	}

`;
}

/** A set without any is written without the word. */
function elements(listed: readonly string[]): string {
  return listed.length === 0 ? '' : `\t\telements = { ${listed.join(', ')} }\n`;
}

export function forwardingPath(name: string): string {
  return `/proc/sys/net/ipv4/conf/${name}/forwarding`;
}

function isIpv4(cidr: string): boolean {
  return !cidr.includes(':');
}
