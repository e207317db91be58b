/** Whoever wants each new status: told after a burst of changes, once. */
import type { Status } from '../contract/local-api.ts';

/** A burst of changes is one event for the front ends. */
const CALM_MS = 50;

export class StatusWatchers {
  readonly #status: () => Status;
  readonly #watchers = new Set<(status: Status) => void>();
  #telling: NodeJS.Timeout | null = null;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(status: () => Status) {
    this.#status = status;
  }

  get isAnybodyThere(): boolean {
    return this.#watchers.size > 0;
  }

  /** Gives back what ends it. */
  add(watcher: (status: Status) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** The first of a burst at once, the rest together when it is over. */
  tell(): void {
    const left = this.#toldAt + CALM_MS - performance.now();
    this.#telling ??= setTimeout(() => this.#tellAll(), Math.max(0, left));
  }

  /** Connected, or not any more: what somebody waits for. */
  tellNow(): void {
    if (this.#telling) clearTimeout(this.#telling);
    this.#telling = setTimeout(() => this.#tellAll(), 0);
  }

  #tellAll(): void {
    this.#telling = null;
    this.#toldAt = performance.now();
    const status = this.#status();
    for (const watcher of this.#watchers) watcher(status);
  }

  /** Until it is so, or until patience ends. */
  until(isSo: () => boolean, patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        leave();
        resolve();
      };
      const look = (): void => {
        if (isSo()) done();
      };
      const timer = setTimeout(done, patienceMs);
      const leave = this.add(look);
      look();
    });
  }

  close(): void {
    if (this.#telling) clearTimeout(this.#telling);
  }
}
