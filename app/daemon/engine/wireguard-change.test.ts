import { expect, test } from 'vitest';
import type { InterfaceState } from '../../../native/wg/uapi-text.ts';
import type { TunnelPeer } from './backend.ts';
import { peerChange, settingsChange } from './wireguard-change.ts';

const OLD = 'b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w=';
const NEW = 'bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU=';
const wanted = {
  publicKey: NEW,
  endpoint: '203.0.113.7:51820',
  keepaliveSeconds: 25,
  replaceAllowedIps: true,
  allowedIps: ['10.0.0.0/8'],
};

test('an interface that has its key and mark is not touched, for a new key ends every session', () => {
  const settings = { privateKey: OLD, mtu: 1420, mark: 7 };

  expect(settingsChange(state({ privateKey: OLD, firewallMark: 7 }), settings)).toBeNull();
  expect(settingsChange(state({ privateKey: OLD }), settings)).toEqual({ firewallMark: 7 });
  expect(settingsChange(state({}), settings)).toEqual({ privateKey: OLD, firewallMark: 7 });
});

test('a peer that is known keeps its session, and the others go', () => {
  const current = state({ peers: [peerState(OLD), peerState(NEW)] });

  expect(peerChange(current, peer(false))).toEqual({
    peers: [{ publicKey: OLD, remove: true }, wanted],
  });
});

test('a peer that is as wanted is not touched, whatever order its ranges come in', () => {
  const allowedIps = ['10.0.0.0/8', '100.96.0.0/16'];
  const known = { ...peerState(NEW), endpoint: wanted.endpoint, keepaliveSeconds: 25, allowedIps };
  const asked = { ...peer(false), allowedIps: allowedIps.toReversed() };

  expect(peerChange(state({ peers: [known] }), asked)).toBeNull();
  expect(peerChange(state({ peers: [known, peerState(OLD)] }), asked)).toEqual({
    peers: [{ publicKey: OLD, remove: true }],
  });
});

test('a peer that is new, or wanted fresh, is made anew', () => {
  expect(peerChange(state({}), peer(false))).toEqual({ replacePeers: true, peers: [wanted] });
  expect(peerChange(state({ peers: [peerState(NEW)] }), peer(true))).toEqual({
    replacePeers: true,
    peers: [wanted],
  });
});

function peer(isFresh: boolean): TunnelPeer {
  const { publicKey, endpoint, keepaliveSeconds, allowedIps } = wanted;
  return { publicKey, endpoint, keepaliveSeconds, allowedIps, isFresh };
}

function state(parts: Partial<InterfaceState>): InterfaceState {
  return { privateKey: null, listenPort: 0, firewallMark: 0, peers: [], ...parts };
}

function peerState(publicKey: string): InterfaceState['peers'][number] {
  return {
    publicKey,
    hasPresharedKey: false,
    endpoint: null,
    lastHandshakeAt: null,
    rxBytes: 0,
    txBytes: 0,
    keepaliveSeconds: 0,
    allowedIps: [],
  };
}
