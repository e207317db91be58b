/**
 * What the program says: sentences for a person, or with `--json` JSON on standard output, problems included, in the shape that
 * `culvert --json` has for them.
 */
import { EXIT_CODES, Stop } from './stop.ts';

export interface Output {
  /** What happens while a command works. */
  say(sentence: string): void;
  /** What a command has come to: the same facts as a value and in words. */
  answer(value: object, lines: readonly string[]): void;
  /** Why the program ends; gives back its exit code. */
  tellEnd(error: unknown): number;
}

/** With `run` among the arguments each value is a line of its own: more of them follow. */
export function outputFor(args: readonly string[]): Output {
  if (!args.includes('--json')) return inWords;
  return inJson(args.includes('run') ? undefined : 2);
}

const inWords: Output = {
  say: (sentence) => void process.stdout.write(`culvert-connector: ${sentence}\n`),
  answer: (_value, lines) => void process.stdout.write(lines.map((line) => `${line}\n`).join('')),
  tellEnd: (error) => {
    const { message, code } = endOf(error);
    process.stderr.write(`culvert-connector: ${message}\n`);
    tellTrace(error);
    return code;
  },
};

function inJson(indent: number | undefined): Output {
  const print = (value: object) =>
    void process.stdout.write(`${JSON.stringify(value, null, indent)}\n`);
  return {
    say: (message) => print({ at: Date.now(), message }),
    answer: print,
    tellEnd: (error) => {
      const { reason, message, code } = endOf(error);
      print({ problem: { code: reason, message }, exitCode: code });
      tellTrace(error);
      return code;
    },
  };
}

function endOf(error: unknown) {
  const reason = error instanceof Stop ? error.reason : 'unexpected';
  const message = error instanceof Stop ? error.message : 'The connector failed.';
  return { reason, message, code: EXIT_CODES[reason] };
}

/** For those who can mend it. */
function tellTrace(error: unknown): void {
  if (error instanceof Stop) return;
  process.stderr.write(`${String((error as Error | undefined)?.stack ?? error)}\n`);
}
