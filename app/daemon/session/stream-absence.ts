/** Tells a stream that has just begun to connect, which is nobody's business, from one that stays away. */
import type { Problem } from '../../contract/local-api.ts';
import { problem } from '../../contract/problem.ts';

/** A gateway that restarts is back sooner; who looks at the status meanwhile has nothing to do about it. */
export const STREAM_PATIENCE_MS = 5000;

export class StreamAbsence {
  readonly #onLong: () => void;
  #patience: NodeJS.Timeout | null = null;
  #reason: string | null = null;
  #isLong = false;

  constructor(onLong: () => void) {
    this.#onLong = onLong;
  }

  /** Attempts that fail do not start the wait anew. */
  began(reason: string | null): void {
    this.#reason = reason ?? this.#reason;
    if (this.#patience) return;
    this.#patience = setTimeout(() => {
      this.#isLong = true;
      this.#onLong();
    }, STREAM_PATIENCE_MS);
    this.#patience.unref();
  }

  ended(): void {
    if (this.#patience) clearTimeout(this.#patience);
    this.#patience = null;
    this.#reason = null;
    this.#isLong = false;
  }

  problemOf(gateway: string): Problem | null {
    if (!this.#isLong) return null;
    const name = gateway.replace(/^https?:\/\//, '');
    return problem('stream-lost', {
      gateway: name,
      reason: this.#reason ?? 'it has not answered yet',
    });
  }
}
