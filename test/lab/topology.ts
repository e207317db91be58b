/** A lab topology as a value. Each scenario draws its own in its header and writes it down in these types. */

export interface Topology {
  /** Ethernet segments by name: one bridge each. */
  segments: string[];
  hosts: Record<string, HostSpec>;
}

export interface HostSpec {
  links: LinkSpec[];
  /** `culvert`: the repository is at /opt/culvert. `bare`: a machine that holds nothing of ours, not even Node. */
  holds: 'culvert' | 'bare';
  /** Default gateways, one a family at most. */
  via?: string[];
  /** Forwards between its links and masquerades what leaves through this one, like a home router. */
  masqueradeOut?: string;
  /** Lines of /etc/hosts: address and names. */
  names?: Record<string, string>;
  /** Ordinary users to make, by name. */
  users?: string[];
}

export interface LinkSpec {
  /** Interface name inside the host. */
  name: string;
  segment: string;
  /** With prefix length: `192.0.2.1/24`. */
  addresses: string[];
  mtu?: number;
}
