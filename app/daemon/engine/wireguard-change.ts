/** The smallest change from what a WireGuard interface has to what it should have: what is right already keeps its session. */
import type { InterfaceChange, InterfaceState } from '../../../native/wg/uapi-text.ts';
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

/** This peer and no other. A peer that is made anew shakes hands as soon as it has a keepalive. */
export function peerChange(current: InterfaceState, peer: TunnelPeer): InterfaceChange {
  const wanted = {
    publicKey: peer.publicKey,
    endpoint: peer.endpoint,
    keepaliveSeconds: peer.keepaliveSeconds,
    replaceAllowedIps: true,
    allowedIps: [...peer.allowedIps],
  };
  const known = current.peers.find(({ publicKey }) => publicKey === peer.publicKey);
  if (!known || peer.isFresh) return { replacePeers: true, peers: [wanted] };
  const others = current.peers.filter((one) => one !== known);
  return { peers: [...others.map(({ publicKey }) => ({ publicKey, remove: true })), wanted] };
}
