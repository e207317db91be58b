/** Runs one piece of work again and again, never twice at once; wishes that come together are one run. */
export class Ticker {
  readonly #work: () => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #isStopped = false;

  constructor(work: () => Promise<void>, onFailure: (error: unknown) => void) {
    this.#work = work;
    this.#onFailure = onFailure;
  }

  /** Within so many milliseconds; an earlier wish stands. */
  soon(ms: number): void {
    const dueAt = performance.now() + ms;
    if (this.#isStopped || dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    // The next wish tries again.
    this.#timer = setTimeout(() => void this.now().catch(this.#onFailure), ms);
  }

  /** A run that began after this call; several callers share it. */
  now(): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    this.#next ??= this.#running.then(() => this.#run());
    return this.#next;
  }

  /** Until nothing is being done. */
  async idle(): Promise<void> {
    await (this.#next ?? this.#running).catch(() => {});
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    this.#next = undefined;
    clearTimeout(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
    if (this.#isStopped) return;
    const work = this.#work();
    this.#running = work.catch(() => {});
    await work;
  }
}
