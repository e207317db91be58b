/** Tells dashboards what kind of thing has changed: many changes together, once. */
import type { Store, Topic } from '../store/store.ts';
import { Ticker } from './ticker.ts';

const ANNOUNCE_MS = 200;

export class Announcements {
  readonly #store: Store;
  readonly #topics = new Set<Topic>();
  readonly #ticker: Ticker;

  constructor(store: Store, onFailure: (error: unknown) => void) {
    this.#store = store;
    this.#ticker = new Ticker(() => this.#tell(), onFailure);
  }

  /** The overview shows something of everything. */
  add(topic: Topic): void {
    this.#topics.add(topic).add('overview');
    this.#ticker.soon(ANNOUNCE_MS);
  }

  stop(): Promise<void> {
    return this.#ticker.stop();
  }

  async #tell(): Promise<void> {
    const topics = [...this.#topics];
    this.#topics.clear();
    if (topics.length > 0) await this.#store.announce(topics);
  }
}
