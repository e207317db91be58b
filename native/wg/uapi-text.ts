/**
 * The text of WireGuard's cross-platform configuration protocol (wireguard.com/xplatform): `key=value` lines, ended by
 * an empty one. Keys travel in hex here and nowhere else.
 */
import { hexOfKey, keyOfHex } from './keys.ts';

export interface InterfaceChange {
  privateKey?: string;
  listenPort?: number;
  /** 0 takes the mark away. */
  firewallMark?: number;
  /** True: peers that are not in `peers` go. */
  replacePeers?: boolean;
  peers?: PeerChange[];
}

export interface PeerChange {
  publicKey: string;
  remove?: boolean;
  /** Change it only if it is there. */
  updateOnly?: boolean;
  presharedKey?: string;
  /** `203.0.113.7:51820` or `[2001:db8::7]:51820`: addresses, never names. */
  endpoint?: string;
  keepaliveSeconds?: number;
  replaceAllowedIps?: boolean;
  allowedIps?: string[];
}

export interface InterfaceState {
  privateKey: string | null;
  listenPort: number;
  firewallMark: number;
  peers: PeerState[];
}

export interface PeerState {
  publicKey: string;
  hasPresharedKey: boolean;
  endpoint: string | null;
  /** Unix milliseconds; null when there was none. */
  lastHandshakeAt: number | null;
  rxBytes: number;
  txBytes: number;
  keepaliveSeconds: number;
  allowedIps: string[];
}

export type UapiAnswer<T> = { ok: true; value: T } | { ok: false; errno: number };

/** A whole `set=1` request, its closing empty line included. */
export function printSet(change: InterfaceChange): string {
  return lines([
    ['set', 1],
    ['private_key', change.privateKey && hexOfKey(change.privateKey)],
    ['listen_port', change.listenPort],
    ['fwmark', change.firewallMark],
    ['replace_peers', change.replacePeers],
    ...(change.peers ?? []).flatMap(peerFields),
  ]);
}

export const GET_REQUEST = 'get=1\n\n';

export function parseGet(text: string): UapiAnswer<InterfaceState> {
  const state: InterfaceState = { privateKey: null, listenPort: 0, firewallMark: 0, peers: [] };
  for (const [key, value] of fieldsOf(text)) {
    if (key === 'errno' && value !== '0') return { ok: false, errno: Number(value) };
    const peer = state.peers.at(-1);
    if (key === 'public_key') state.peers.push(newPeer(value));
    else if (peer) takePeerField(peer, key, value);
    else takeInterfaceField(state, key, value);
  }
  return { ok: true, value: state };
}

export function parseSetAnswer(text: string): UapiAnswer<null> {
  const errno = Number(new Map(fieldsOf(text)).get('errno') ?? Number.NaN);
  return errno === 0 ? { ok: true, value: null } : { ok: false, errno };
}

type Value = string | number | boolean | undefined;
type Field = [key: string, value: Value];

function peerFields(peer: PeerChange): Field[] {
  return [
    ['public_key', hexOfKey(peer.publicKey)],
    ['remove', peer.remove],
    ['update_only', peer.updateOnly],
    ['preshared_key', peer.presharedKey && hexOfKey(peer.presharedKey)],
    ['endpoint', peer.endpoint],
    ['persistent_keepalive_interval', peer.keepaliveSeconds],
    ['replace_allowed_ips', peer.replaceAllowedIps],
    ...(peer.allowedIps ?? []).map((cidr): Field => ['allowed_ip', cidr]),
  ];
}

/** A false or missing field is not sent: the protocol knows only `true`. A value may not start a line of its own. */
function lines(fields: Field[]): string {
  const given = fields.filter(([, value]) => value !== undefined && value !== false);
  for (const [key, value] of given) {
    if (/[\r\n]/.test(String(value))) throw new Error(`The value of ${key} holds a line break.`);
  }
  return `${given.map(([key, value]) => `${key}=${value}\n`).join('')}\n`;
}

function fieldsOf(text: string): [string, string][] {
  return text.split('\n').flatMap((line) => {
    const at = line.indexOf('=');
    return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as [string, string]] : [];
  });
}

function newPeer(hexKey: string): PeerState {
  return {
    publicKey: keyOfHex(hexKey),
    hasPresharedKey: false,
    endpoint: null,
    lastHandshakeAt: null,
    rxBytes: 0,
    txBytes: 0,
    keepaliveSeconds: 0,
    allowedIps: [],
  };
}

function takeInterfaceField(state: InterfaceState, key: string, value: string): void {
  if (key === 'private_key') state.privateKey = /^0*$/.test(value) ? null : keyOfHex(value);
  if (key === 'listen_port') state.listenPort = Number(value);
  if (key === 'fwmark') state.firewallMark = Number(value);
}

function takePeerField(peer: PeerState, key: string, value: string): void {
  const take = PEER_FIELDS[key];
  if (take) take(peer, value);
}

const PEER_FIELDS: Record<string, (peer: PeerState, value: string) => void> = {
  preshared_key: (peer, value) => {
    peer.hasPresharedKey = !/^0*$/.test(value);
  },
  endpoint: (peer, value) => {
    peer.endpoint = value;
  },
  // Seconds come first, then nanoseconds of the same moment; zero means never.
  last_handshake_time_sec: (peer, value) => {
    peer.lastHandshakeAt = value === '0' ? null : Number(value) * 1000;
  },
  last_handshake_time_nsec: (peer, value) => {
    if (peer.lastHandshakeAt !== null) peer.lastHandshakeAt += Math.floor(Number(value) / 1e6);
  },
  rx_bytes: (peer, value) => {
    peer.rxBytes = Number(value);
  },
  tx_bytes: (peer, value) => {
    peer.txBytes = Number(value);
  },
  persistent_keepalive_interval: (peer, value) => {
    peer.keepaliveSeconds = Number(value);
  },
  allowed_ip: (peer, value) => {
    peer.allowedIps.push(value);
  },
};
