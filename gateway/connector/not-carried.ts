/** What an engine counts of packets that went no further, for a person. */

/** By the names of `native/netstack/src/drops.rs`, `native/core/src/drop_reason.rs` and `native/engine/src/connector`. */
export const reasons: Readonly<Record<string, string>> = {
  // Of devices, on their way to a target.
  'bad-header': 'no sound IP, TCP or UDP header',
  'bad-checksum': 'a checksum is wrong',
  fragment: 'a piece of a datagram that never became whole, or contradicts the others',
  'ip-options': 'IP options or extension headers, which two readers may read differently',
  'spoofed-source': 'the source is no device’s',
  'no-route': 'for an address outside the network’s ranges',
  'host-only':
    'for this machine’s loopback, link-local or metadata addresses; a range of that one address would open it',
  'not-a-host': 'for a multicast, broadcast or otherwise impossible address',
  'unsupported-protocol': 'neither TCP, UDP nor ICMP',
  'unsupported-icmp': 'ICMP, but no ping',
  'port-zero': 'port 0',
  'hop-limit': 'the hop limit ended here, as traceroute wants it to',
  'no-flow': 'of a TCP connection that is not known any more',
  'flow-table-full': 'more connections than this connector may have: raise its limit of open files',
  'device-full': 'one device has half of all connections that this connector may have',
  'no-descriptors': 'no more sockets for this process: raise its limit of open files',
  'ping-needs-sysctl': 'pings: widen net.ipv4.ping_group_range or grant CAP_NET_RAW',
  'send-failed': 'this machine would not send it on',
  'errors-limited': 'refusals of which devices were not told, for there were too many a second',
  overrun: 'a thread does not keep up with what is for its connections: try --shards with more',
  congestion: 'met a full queue on the way, which neither end knows how to be told',
  'interface-dropped': 'the interface had no room, or did not take it',
  // Between gateway and connector.
  'udp-send-failed':
    'this machine would not send it to the gateway, knew no way there, or the gateway was taken away meanwhile',
  malformed: 'no message of WireGuard',
  'bad-mac1': 'a handshake for somebody else',
  'cookie-sent': 'a handshake that was asked for a cookie first',
  'rate-limited': 'handshakes of somebody who has had his share of them',
  'bad-cookie': 'a cookie that answers nothing of ours',
  'bad-handshake': 'a handshake that does not authenticate',
  'unknown-peer': 'a handshake of a key that is no gateway’s',
  'replayed-handshake': 'a handshake that is not newer than the last one',
  'handshake-flood': 'a handshake too soon after the last one',
  'unknown-index': 'of a session that is not known any more',
  'session-expired': 'of a session that is too old',
  'counter-exhausted': 'of a session that has carried all that it may',
  'bad-tag': 'changed or damaged on the way',
  replayed: 'came before, or far too late',
  'bad-inner-packet': 'no IP packet inside, or not of the length that it claims',
  'no-endpoint': 'for a gateway whose address is not known yet',
  'no-room': 'larger than its buffer',
  'no-private-key': 'before there was a key',
  'peer-removed': 'for a gateway that was taken away meanwhile',
};

export interface NotCarried {
  /** The name that the engine gives it. */
  reason: string;
  /** Packets. */
  count: number;
  /** Null for a reason of an engine that is newer than this program. */
  meaning: string | null;
}

/** The most frequent first; what never happened is left out. */
export function notCarried(drops: Readonly<Record<string, number>>): NotCarried[] {
  return Object.entries(drops)
    .filter(([, count]) => count > 0)
    .toSorted(([, one], [, other]) => other - one)
    .map(([reason, count]) => ({ reason, count, meaning: reasons[reason] ?? null }));
}

export function notCarriedLine({ reason, count, meaning }: NotCarried): string {
  return `${count} × ${reason}${meaning === null ? '' : `: ${meaning}`}`;
}
