/** Tells on the terminal what happens while it happens, and remembers it for the page at the end. */
import colors from 'picocolors';

export class StepFailed extends Error {
  readonly step: string;

  constructor(step: string, cause: unknown) {
    super(`“${step}” failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.step = step;
  }
}

export interface Fact {
  label: string;
  value: string;
}

/** What a program may read of the story: `npm run demo -- --json FILE`. */
export interface Account {
  seconds: number;
  /** In the order in which they ended. */
  steps: { title: string; tookMs: number; works: boolean; told: string | null }[];
  facts: Fact[];
}

export class Story {
  /** Unix ms. */
  readonly #startedAt: number;
  readonly #facts: Fact[] = [];
  readonly #steps: Account['steps'] = [];
  #isBrokenOff = false;

  constructor(startedAt: number) {
    this.#startedAt = startedAt;
  }

  /** Nothing more is told, whatever becomes of the step that was under way. */
  breakOff(): void {
    this.#isBrokenOff = true;
    console.log('\nInterrupted. What was made is taken away.');
  }

  chapter(title: string): void {
    this.#say(`\n${colors.bold(title)}`);
  }

  /** One thing that must work. What it returns, if anything, is told behind the title. */
  async step<T>(title: string, act: () => Promise<T>, tell?: (value: T) => string): Promise<T> {
    const started = performance.now();
    const live = process.stdout.isTTY === true;
    if (live && !this.#isBrokenOff) process.stdout.write(`  ${colors.dim('…')} ${title}`);
    try {
      const value = await act();
      const told = tell?.(value);
      const took = `${this.#note(title, started, true, told)} ms`;
      this.#say(
        `${live ? '\r\x1b[K' : ''}  ${colors.green('✓')} ${title}${told ? `: ${told}` : ''} ${colors.dim(took)}`,
      );
      return value;
    } catch (cause) {
      this.#note(title, started, false, (cause as Error).message);
      this.#say(`${live ? '\r\x1b[K' : ''}  ${colors.red('✗')} ${title}`);
      throw new StepFailed(title, cause);
    }
  }

  /** What a program printed, as a person would have seen it. */
  show(prompt: string, output: string): void {
    this.#say(`    ${colors.cyan('$')} ${colors.bold(prompt)}`);
    for (const line of output.trimEnd().split('\n')) this.#say(`    ${colors.dim('│')} ${line}`);
  }

  fact(label: string, value: string): void {
    this.#facts.push({ label, value });
  }

  /** Since the person asked for it. */
  get seconds(): number {
    return (Date.now() - this.#startedAt) / 1000;
  }

  summary(title: string): void {
    const width = Math.max(...this.#facts.map((fact) => fact.label.length));
    console.log(`\n${colors.bold(title)}`);
    for (const { label, value } of this.#facts) console.log(`  ${label.padEnd(width)}  ${value}`);
  }

  get account(): Account {
    return { seconds: this.seconds, steps: this.#steps, facts: this.#facts };
  }

  /** Gives back how long it took, in ms. */
  #note(title: string, started: number, works: boolean, told: string | undefined): number {
    const tookMs = Math.round(performance.now() - started);
    if (!this.#isBrokenOff) this.#steps.push({ title, tookMs, works, told: told ?? null });
    return tookMs;
  }

  #say(text: string): void {
    if (!this.#isBrokenOff) console.log(text);
  }
}
