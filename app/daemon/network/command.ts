/** One program run, as data: what the renderers for other platforms answer with. */
export interface Command {
  /** Absolute path. */
  file: string;
  argv: readonly string[];
  /** What it reads from its standard input. */
  input?: string;
}

/** One line a command, its input indented below: how plans are logged and compared. */
export function printCommands(commands: readonly Command[]): string {
  return commands
    .map(({ file, argv, input }) => `${[file, ...argv].join(' ')}\n${indent(input ?? '')}`)
    .join('');
}

function indent(input: string): string {
  if (input === '') return '';
  return input
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}\n`)
    .join('');
}
