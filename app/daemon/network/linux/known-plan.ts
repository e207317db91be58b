/**
 * The plan that is known to stand whole, connection and all. It is known only while the host is watched, once everything was
 * read and found as planned, and until anything of ours changes, by whomever: our own changes too are looked at
 * afterwards, off the path that people wait for. Small plans are read each time and never remembered.
 */
import type { HostPlan } from '../../../contract/host-plan.ts';
import { isLarge } from './small-change.ts';

/** A change is a burst of messages; looking once after it is enough. */
const QUIET_MS = 250;

export class KnownPlan {
  readonly #look: () => void;
  #plan: HostPlan | null = null;
  /** Connected last; what a look holds the kernel against. */
  #candidate: HostPlan | null = null;
  #changes = 0;
  #isWatched = false;
  #timer: NodeJS.Timeout | undefined;

  /** `look` has everything read, and `confirm` called where all is as planned. */
  constructor(look: () => void) {
    this.#look = look;
  }

  get candidate(): HostPlan | null {
    return this.#candidate;
  }

  /** A number for `confirm`: how much had changed before somebody began to read. */
  get changes(): number {
    return this.#changes;
  }

  get isKnown(): boolean {
    return this.#plan !== null;
  }

  /** Gives the plan away: whoever changes the host knows only afterwards what stands. */
  take(): HostPlan | null {
    const plan = this.#plan;
    this.forget();
    return plan;
  }

  forget(): void {
    this.#plan = null;
    this.#candidate = null;
    clearTimeout(this.#timer);
  }

  /** Put up just now, and not looked at yet. */
  connected(plan: HostPlan): void {
    this.#candidate = plan;
    this.#lookLater();
  }

  confirm(changes: number): void {
    if (this.#isWatched && changes === this.#changes) this.#plan = this.#candidate;
  }

  somethingChanged(): void {
    this.#changes++;
    this.#plan = null;
    this.#lookLater();
  }

  watched(isWatched: boolean): void {
    this.#isWatched = isWatched;
    this.somethingChanged();
    if (!isWatched) clearTimeout(this.#timer);
  }

  #lookLater(): void {
    if (!this.#isWatched || this.#candidate === null || !isLarge(this.#candidate)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#look, QUIET_MS);
  }
}
