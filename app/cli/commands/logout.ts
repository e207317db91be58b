import type { Command } from 'commander';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { withProgress } from '../progress.ts';
import type { Run } from '../run.ts';
import { outView, print, printJson, type Terminal } from '../terminal.ts';
import { sentence } from '../view.ts';
import { WORDS } from '../words.ts';

interface Options {
  json?: boolean;
}

export function addLogout(program: Command, run: Run): void {
  program
    .command('logout')
    .description('switch off, leave the organisation, forget this device’s keys')
    .option('--json', 'the status as JSON')
    .action((options: Options) => run(options, (terminal) => signOut(terminal, options)));
}

async function signOut(terminal: Terminal, { json }: Options): Promise<ExitCode> {
  const view = outView(terminal);
  const words = WORDS[view.language];
  const status = await withProgress(terminal, words.working, terminal.client.logout());
  const { account } = status;
  const unheard = account.kind === 'signed-out' ? account.problem : null;
  if (json) printJson(terminal, status);
  else print(terminal, [unheard ? sentence(unheard, view) : words.signedOut]);
  return EXIT.done;
}
