/** Whoever wants each new status: told after a burst of changes, once. */
import type { Status } from '../contract/local-api.ts';

/** A burst of changes is one event for the front ends. */
const CALM_MS = 50;

export class StatusWatchers {
  readonly #status: () => Status;
  readonly #watchers = new Set<(status: Status) => void>();
  #telling: NodeJS.Timeout | null = null;

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

  tell(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = null;
      const status = this.#status();
      for (const watcher of this.#watchers) watcher(status);
    }, CALM_MS);
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
