/** The smallest change from what a WireGuard interface has to what it should have: what is right already keeps its session. */
import type {
  InterfaceChange,
  InterfaceState,
  PeerChange,
  PeerState,
} from '../../../native/wg/uapi-text.ts';
import type { DeviceSettings, TunnelPeer } from './backend.ts';

/** Setting a private key again would end every session, so it is only set when it is another one. */
export function settingsChange(
  current: InterfaceState,
  settings: DeviceSettings,
): InterfaceChange | null {
  const change: InterfaceChange = {};
  if (current.privateKey !== settings.privateKey) change.privateKey = settings.privateKey;
  if (current.firewallMark !== settings.mark) change.firewallMark = settings.mark;
  return Object.keys(change).length === 0 ? null : change;
}

/** This peer and no other; null where it is so. A peer that is made anew shakes hands as soon as it has a keepalive. */
export function peerChange(current: InterfaceState, peer: TunnelPeer): InterfaceChange | null {
  const known = current.peers.find(({ publicKey }) => publicKey === peer.publicKey);
  if (!known || peer.isFresh) return { replacePeers: true, peers: [wholePeer(peer)] };
  const others = current.peers.filter((one) => one !== known);
  const removals = others.map(({ publicKey }) => ({ publicKey, remove: true }));
  if (isAsWanted(known, peer)) return removals.length > 0 ? { peers: removals } : null;
  return { peers: [...removals, wholePeer(peer)] };
}

function wholePeer(peer: TunnelPeer): PeerChange {
  return {
    publicKey: peer.publicKey,
    endpoint: peer.endpoint,
    keepaliveSeconds: peer.keepaliveSeconds,
    replaceAllowedIps: true,
    allowedIps: [...peer.allowedIps],
  };
}

function isAsWanted(known: PeerState, peer: TunnelPeer): boolean {
  return (
    known.endpoint === peer.endpoint &&
    known.keepaliveSeconds === peer.keepaliveSeconds &&
    [...known.allowedIps].sort().join() === [...peer.allowedIps].sort().join()
  );
}
