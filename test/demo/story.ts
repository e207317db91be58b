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

export class Story {
  readonly #started = performance.now();
  readonly #facts: Fact[] = [];

  chapter(title: string): void {
    console.log(`\n${colors.bold(title)}`);
  }

  /** One thing that must work. What it returns, if anything, is told behind the title. */
  async step<T>(title: string, act: () => Promise<T>, tell?: (value: T) => string): Promise<T> {
    const started = performance.now();
    const live = process.stdout.isTTY === true;
    if (live) process.stdout.write(`  ${colors.dim('…')} ${title}`);
    try {
      const value = await act();
      const told = tell?.(value);
      const took = `${Math.round(performance.now() - started)} ms`;
      console.log(
        `${live ? '\r\x1b[K' : ''}  ${colors.green('✓')} ${title}${told ? `: ${told}` : ''} ${colors.dim(took)}`,
      );
      return value;
    } catch (cause) {
      console.log(`${live ? '\r\x1b[K' : ''}  ${colors.red('✗')} ${title}`);
      throw new StepFailed(title, cause);
    }
  }

  /** What a program printed, as a person would have seen it. */
  show(prompt: string, output: string): void {
    console.log(`    ${colors.cyan('$')} ${colors.bold(prompt)}`);
    for (const line of output.trimEnd().split('\n')) console.log(`    ${colors.dim('│')} ${line}`);
  }

  fact(label: string, value: string): void {
    this.#facts.push({ label, value });
  }

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  summary(title: string): void {
    const width = Math.max(...this.#facts.map((fact) => fact.label.length));
    console.log(`\n${colors.bold(title)}`);
    for (const { label, value } of this.#facts) console.log(`  ${label.padEnd(width)}  ${value}`);
  }
}
