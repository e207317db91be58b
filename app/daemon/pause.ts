/**
 * A pause: off now, on again by itself. It is in a file, so that neither the end of a front end nor a restart forgets to switch on;
 * whoever switches by hand ends it.
 */
import type { Store } from './store/store.ts';

export class Pause {
  readonly #store: Store;
  readonly #resume: () => void;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;

  /** `resume` switches on. */
  constructor(store: Store, resume: () => void, now: () => number = Date.now) {
    this.#store = store;
    this.#resume = resume;
    this.#now = now;
  }

  get until(): number | null {
    return this.#store.pausedUntil;
  }

  /** After a restart: goes on with what is left, or switches on where nothing is. */
  begin(): void {
    const { until } = this;
    if (until === null) return;
    // Whoever is on is not paused: the last daemon ended between its two files.
    if (this.#store.wanted === 'on') this.end();
    else this.#wait(until);
  }

  start(ms: number): void {
    const until = this.#now() + ms;
    this.#store.savePausedUntil(until);
    this.#wait(until);
  }

  end(): void {
    clearTimeout(this.#timer);
    if (this.until !== null) this.#store.savePausedUntil(null);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Looks again and again, for a computer that sleeps stops its timers, not the clock. */
  #wait(until: number): void {
    clearTimeout(this.#timer);
    const left = until - this.#now();
    if (left <= 0) this.#resume();
    else this.#timer = setTimeout(() => this.#wait(until), Math.min(left, LOOK_MS));
  }
}

const LOOK_MS = 10_000;
