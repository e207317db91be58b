/** Says that something goes on, once it takes longer than half a second, and only to a person. */
import type { Terminal } from './terminal.ts';

const PATIENCE_MS = 500;
const TURN_MS = 120;
const TURNS = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

export async function withProgress<T>(
  terminal: Terminal,
  what: string,
  work: Promise<T>,
): Promise<T> {
  if (terminal.err.isTTY !== true) return await work;
  let turn = 0;
  let spinner: NodeJS.Timeout | undefined;
  const patience = setTimeout(() => {
    spinner = setInterval(
      () => terminal.err.write(`\r${TURNS[turn++ % TURNS.length]} ${what} `),
      TURN_MS,
    );
  }, PATIENCE_MS);
  try {
    return await work;
  } finally {
    clearTimeout(patience);
    if (spinner) {
      clearInterval(spinner);
      terminal.err.write('\r\u001b[2K');
    }
  }
}
