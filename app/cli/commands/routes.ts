import type { Command } from 'commander';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { routeLines } from '../print-routes.ts';
import type { Run } from '../run.ts';
import { outView, print, printJson, type Terminal } from '../terminal.ts';

interface Options {
  json?: boolean;
}

export function addRoutes(program: Command, run: Run): void {
  program
    .command('routes')
    .description('what goes into the tunnel, what goes directly, and because of what')
    .option('--json', 'the routes as JSON')
    .action((options: Options) => run(options, (terminal) => showRoutes(terminal, options)));
}

async function showRoutes(terminal: Terminal, { json }: Options): Promise<ExitCode> {
  const answer = await terminal.client.routes();
  if (json) printJson(terminal, answer);
  else print(terminal, routeLines(answer, outView(terminal)));
  return EXIT.done;
}
