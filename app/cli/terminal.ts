/** What a command may use of the world: the daemon's client, two streams, and how the reader sees things. */
import { hostname } from 'node:os';
import type { Writable } from 'node:stream';
import type { LocalClient } from '../client/client.ts';
import type { Problem } from '../contract/local-api.ts';
import type { ExitCode } from './exit-codes.ts';
import { exitCodeOf } from './exit-codes.ts';
import { colorsFor, languageOf, sentence, type View } from './view.ts';

export interface Terminal {
  client: LocalClient;
  out: Writable & { isTTY?: boolean };
  err: Writable & { isTTY?: boolean };
  environment: NodeJS.ProcessEnv;
  /** Aborted by Ctrl C. */
  interrupted: AbortSignal;
  /** Whether anybody still reads `out`. */
  hasReader: () => boolean;
}

export function viewOn(stream: { isTTY?: boolean }, environment: NodeJS.ProcessEnv): View {
  return {
    language: languageOf(environment),
    now: Date.now(),
    colors: colorsFor(stream.isTTY === true, environment),
    hostname: hostname().split('.')[0] ?? '',
  };
}

export function outView(terminal: Terminal): View {
  return viewOn(terminal.out, terminal.environment);
}

export function print(terminal: Terminal, lines: readonly string[]): void {
  terminal.out.write(`${lines.join('\n')}\n`);
}

export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Says a problem once, where the reader or his script looks for it; answers the exit code. */
export function tell(terminal: Terminal, problem: Problem, isJson: boolean): ExitCode {
  const code = exitCodeOf(problem);
  if (isJson) {
    printJson(terminal, {
      problem: { ...problem, message: sentence(problem, outView(terminal)) },
      exitCode: code,
    });
  } else {
    const view = viewOn(terminal.err, terminal.environment);
    terminal.err.write(`${view.colors.red('culvert:')} ${sentence(problem, view)}\n`);
  }
  return code;
}
