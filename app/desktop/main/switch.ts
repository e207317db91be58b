/** On, off, paused and signed out: asked of culvertd. What comes of it shows up in the status. */
import { problemOfCall } from '../../client/client.ts';
import type { DaemonLink } from './daemon-link.ts';
import type { ViewSource } from './view-source.ts';

export class Switch {
  readonly #daemon: DaemonLink;
  readonly #source: ViewSource;

  constructor(daemon: DaemonLink, source: ViewSource) {
    this.#daemon = daemon;
    this.#source = source;
  }

  on(): void {
    this.ask(() => this.#daemon.up());
  }

  off(): void {
    this.ask(() => this.#daemon.down());
  }

  pause(minutes: number): void {
    this.ask(() => this.#daemon.pause({ seconds: minutes * 60 }));
  }

  signOut(): void {
    this.ask(() => this.#daemon.logout());
  }

  /** A click has nothing to wait for; what it was refused with is shown. */
  ask(call: () => Promise<unknown>): void {
    this.#source.setRefusal(null);
    void call().catch((thrown: unknown) => this.#source.setRefusal(problemOfCall(thrown)));
  }
}
