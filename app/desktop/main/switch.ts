/** On, off, paused and signed out: asked of culvertd. What comes of it shows up in the status. */
import { problemOfCall } from '../../client/client.ts';
import type { Status } from '../../contract/local-api.ts';
import type { DaemonLink } from './daemon-link.ts';
import type { ViewSource } from './view-source.ts';

export class Switch {
  readonly #daemon: DaemonLink;
  readonly #source: ViewSource;
  /** Of the newest wish: what an older one comes to, its refusal too, is no news any more. */
  #newest = 0;
  /** culvertd is asked one thing after another, for what is asked last has to hold. */
  #asked: Promise<unknown> = Promise.resolve();

  constructor(daemon: DaemonLink, source: ViewSource) {
    this.#daemon = daemon;
    this.#source = source;
  }

  /** To the other side of what is wanted now, which a window that draws a moment later need not know. */
  flip(): void {
    if (this.#source.view.status?.wanted === 'on') this.off();
    else this.on();
  }

  on(): void {
    this.#want('on', () => this.#daemon.up());
  }

  off(): void {
    this.#want('off', () => this.#daemon.down());
  }

  pause(minutes: number): void {
    this.#want('off', () => this.#daemon.pause({ seconds: minutes * 60 }));
  }

  signOut(): void {
    this.#want('off', () => this.#daemon.logout());
  }

  /** A click has nothing to wait for; what it was refused with is shown. */
  ask(call: () => Promise<unknown>): void {
    this.#source.setRefusal(null);
    void call().catch((thrown: unknown) => this.#source.setRefusal(problemOfCall(thrown)));
  }

  /** Wanted from the click on, until culvertd’s events show it, or it was refused. */
  #want(wish: Status['wanted'], call: () => Promise<Status>): void {
    const number = ++this.#newest;
    this.#source.setWish(wish);
    this.ask(async () => {
      const answer = this.#asked.then(call);
      this.#asked = answer.catch(() => undefined);
      try {
        // Not shown: it comes by another connection than the events, and may be older than the last of them.
        await answer;
        if (number === this.#newest) this.#source.awaitWish();
      } catch (thrown) {
        if (number !== this.#newest) return;
        this.#source.setWish(null);
        throw thrown;
      }
    });
  }
}
