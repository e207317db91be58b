/** Gives each stream what its receiver should have, signed at this moment. */
import type { Trust } from '../enrol/trust.ts';
import type { Board, Entry } from './board.ts';
import type { Stream } from './streams.ts';

/** Long enough to sit out a dead control plane (R1), short enough that a stolen snapshot ages. */
export const SNAPSHOT_LIFETIME_MS = 30 * 86_400_000;

export interface SenderParts {
  trust: Trust;
  clock: () => number;
  board: () => Board | undefined;
}

export class SnapshotSender {
  readonly #parts: SenderParts;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  sign(entry: Entry): Promise<string> {
    const issuedAt = this.#parts.clock();
    return this.#parts.trust.signSnapshot({
      ...entry.content,
      revision: entry.revision,
      issuedAt,
      expiresAt: issuedAt + SNAPSHOT_LIFETIME_MS,
    });
  }

  /** One sender a stream, which goes on until it is current: else an older snapshot could overtake a newer one. */
  async bringUpToDate(stream: Stream): Promise<void> {
    if (stream.isBeingSent) return;
    stream.isBeingSent = true;
    try {
      for (let entry = this.#due(stream); entry; entry = this.#due(stream)) {
        stream.sentHash = entry.hash;
        stream.send({ type: 'snapshot', snapshot: await this.sign(entry) });
      }
    } finally {
      stream.isBeingSent = false;
    }
  }

  /** What it should get next; ends it when there is nothing for it any more. */
  #due(stream: Stream): Entry | undefined {
    const board = this.#parts.board();
    if (!board) return undefined;
    const entry = board.entries.get(stream.id);
    if (!entry) stream.end(endReason(stream, board));
    return entry?.hash === stream.sentHash ? undefined : entry;
  }
}

function endReason(stream: Stream, board: Board): 'removed' | 'session-expired' {
  const isKnown = board.state.devices.some(({ id }) => id === stream.id);
  return isKnown ? 'session-expired' : 'removed';
}
