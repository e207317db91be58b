/** A pause: off now, on again by itself. Switching by hand ends it. */
export class Pause {
  #timer: NodeJS.Timeout | undefined;
  readonly #resume: () => void;
  readonly #changed: (until: number | null) => void;

  constructor(resume: () => void, changed: (until: number | null) => void) {
    this.#resume = resume;
    this.#changed = changed;
  }

  start(minutes: number): void {
    this.end();
    const ms = minutes * 60_000;
    this.#timer = setTimeout(() => {
      this.end();
      this.#resume();
    }, ms);
    this.#changed(Date.now() + ms);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#changed(null);
  }
}
