import { expect, test } from 'vitest';
import type { EnginePeerStatus } from '../../native/client/protocol.ts';
import { CONNECTOR_SILENCE_MS, Peers, SESSION_MS } from './peers.ts';

const START = 1_000_000;

test('a connector that says nothing any more is down long before its session ends', () => {
  const peers = new Peers();
  peers.takeStatus([status(100)], START, isConnector);
  expect(peers.get('peer')?.isUp).toBe(true);

  expect(peers.takeStatus([status(100)], START + CONNECTOR_SILENCE_MS - 1, isConnector)).toBe(
    false,
  );
  expect(peers.takeStatus([status(100)], START + CONNECTOR_SILENCE_MS, isConnector)).toBe(true);

  expect(peers.get('peer')?.isUp).toBe(false);
});

test('a keepalive brings it back', () => {
  const peers = new Peers();
  peers.takeStatus([status(100)], START, isConnector);
  peers.takeStatus([status(100)], START + CONNECTOR_SILENCE_MS, isConnector);

  expect(peers.takeStatus([status(132)], START + CONNECTOR_SILENCE_MS + 1, isConnector)).toBe(true);

  expect(peers.get('peer')?.isUp).toBe(true);
});

test('a device may be silent for as long as its session lasts', () => {
  const peers = new Peers();
  peers.takeStatus([status(100)], START, isDevice);

  peers.takeStatus([status(100)], START + SESSION_MS - 1, isDevice);
  expect(peers.get('peer')?.isUp).toBe(true);
  peers.takeStatus([status(100)], START + SESSION_MS, isDevice);

  expect(peers.get('peer')?.isUp).toBe(false);
});

const isConnector = () => true;
const isDevice = () => false;

function status(rxBytes: number): EnginePeerStatus {
  return {
    id: 'peer',
    publicKey: 'k',
    endpoint: null,
    lastHandshakeAt: START,
    rxBytes,
    txBytes: 0,
  };
}
