/** What the data plane knows of each peer: is its tunnel up, and since when. */

import type { EngineEvent, EnginePeerStatus } from '../../native/client/protocol.ts';
import { CONNECTOR_KEEPALIVE_SECONDS } from '../contract/constants.ts';

export interface PeerState {
  isUp: boolean;
  lastHandshakeAt: number | null;
  endpoint: string | null;
  rxBytes: number;
  txBytes: number;
  /** When `rxBytes` last grew. */
  heardAt: number;
}

/** WireGuard's REJECT_AFTER_TIME: a session without a newer handshake is dead after this. */
export const SESSION_MS = 180_000;

/** A connector sends at least a keepalive in this time; two may be lost. */
export const CONNECTOR_SILENCE_MS = 2.4 * CONNECTOR_KEEPALIVE_SECONDS * 1000;

export class Peers {
  #byId = new Map<string, PeerState>();

  get(id: string): PeerState | undefined {
    return this.#byId.get(id);
  }

  /** True when it changed who is up. `isConnector`: silence alone tells that it is gone, long before its session ends. */
  takeStatus(
    peers: readonly EnginePeerStatus[],
    now: number,
    isConnector: (id: string) => boolean,
  ): boolean {
    const next = new Map(
      peers.map((peer) => {
        const state = stateOf(peer, this.#byId.get(peer.id), now);
        const isSilent = isConnector(peer.id) && now - state.heardAt >= CONNECTOR_SILENCE_MS;
        return [peer.id, isSilent ? { ...state, isUp: false } : state];
      }),
    );
    const changed = isUpDifferent(this.#byId, next);
    this.#byId = next;
    return changed;
  }

  takeEvent(event: EngineEvent): boolean {
    if (event.kind === 'flow-denied') return false;
    const before = this.#byId.get(event.id);
    const isUp = event.kind === 'peer-handshake';
    const known = before ?? UNHEARD;
    const news =
      event.kind === 'peer-handshake'
        ? { lastHandshakeAt: event.at, endpoint: event.endpoint, heardAt: event.at }
        : {};
    this.#byId.set(event.id, { ...known, ...news, isUp });
    return (before?.isUp ?? false) !== isUp;
  }

  /** The engine is gone: nobody’s tunnel is up until it says otherwise. */
  loseAll(): boolean {
    const before = this.#byId;
    this.#byId = new Map([...before].map(([id, peer]) => [id, { ...peer, isUp: false }]));
    return isUpDifferent(before, this.#byId);
  }
}

const UNHEARD = { lastHandshakeAt: null, endpoint: null, rxBytes: 0, txBytes: 0, heardAt: 0 };

/** An answer may have been on its way while a handshake's event overtook it. */
function stateOf(peer: EnginePeerStatus, known: PeerState | undefined, now: number): PeerState {
  const { endpoint, rxBytes, txBytes, lastHandshakeAt } = peer;
  const heardAt = known && known.rxBytes === rxBytes ? known.heardAt : now;
  if (known?.isUp && (known.lastHandshakeAt ?? 0) > now) return { ...known, rxBytes, txBytes };
  const isUp = lastHandshakeAt !== null && now - lastHandshakeAt < SESSION_MS;
  return { isUp, lastHandshakeAt, endpoint, rxBytes, txBytes, heardAt };
}

function isUpDifferent(
  before: ReadonlyMap<string, PeerState>,
  after: ReadonlyMap<string, PeerState>,
): boolean {
  const up = (map: ReadonlyMap<string, PeerState>): string[] =>
    [...map].filter(([, peer]) => peer.isUp).map(([id]) => id);
  const was = new Set(up(before));
  const is = up(after);
  return is.length !== was.size || is.some((id) => !was.has(id));
}
