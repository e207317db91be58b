import type { Command } from 'commander';
import { problemOfCall } from '../../client/client.ts';
import { VERSION } from '../../contract/version.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Run } from '../run.ts';
import { print, printJson, type Terminal } from '../terminal.ts';

interface Options {
  json?: boolean;
}

export function addVersion(program: Command, run: Run): void {
  program
    .command('version')
    .description('the versions of this program and of culvertd')
    .option('--json', 'both as JSON')
    .action((options: Options) => run(options, (terminal) => showVersion(terminal, options)));
}

/** Without a daemon there is still a version to tell. */
async function showVersion(terminal: Terminal, { json }: Options): Promise<ExitCode> {
  const daemon = await terminal.client.status().then(
    ({ version }) => ({ version, problem: null }),
    (cause: unknown) => ({ version: null, problem: problemOfCall(cause).code }),
  );
  if (json) printJson(terminal, { culvert: VERSION, culvertd: daemon.version });
  else
    print(terminal, [
      `culvert   ${VERSION}`,
      `culvertd  ${daemon.version ?? `– (${daemon.problem ?? ''})`}`,
    ]);
  return EXIT.done;
}
