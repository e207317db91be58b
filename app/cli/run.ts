/** How a command's work is run: the program hands this to each command. */
import type { ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** What the work throws is told once. */
export type Run = (
  options: { json?: boolean },
  work: (terminal: Terminal) => Promise<ExitCode>,
) => Promise<void>;
