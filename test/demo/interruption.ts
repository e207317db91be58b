/** Ctrl-C, a closed terminal, a service manager: the demo ends then, after it has taken away what it made. */

/** By signal: 128 and its number, as a shell tells it. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super('interrupted');
    this.exitCode = exitCode;
  }
}

/** Rejects with `Interrupted` at the first signal. Those that follow change nothing: what was made is being taken away. */
export function interruption(): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    for (const [signal, exitCode] of Object.entries(EXIT_CODES))
      process.on(signal, () => reject(new Interrupted(exitCode)));
  });
  // Whoever races it hears of it; that may be later.
  interrupted.catch(() => {});
  // A terminal that was closed takes no more of the story.
  process.stdout.on('error', () => {});
  return interrupted;
}
