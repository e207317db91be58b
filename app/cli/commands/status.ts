import type { Command } from 'commander';
import type { Status } from '../../contract/local-api.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { statusLines } from '../print-status.ts';
import type { Run } from '../run.ts';
import { outView, print, printJson, type Terminal } from '../terminal.ts';

interface Options {
  watch?: boolean;
  json?: boolean;
}

export function addStatus(program: Command, run: Run): void {
  program
    .command('status')
    .description('what is wanted, what is, and what can be reached')
    .option('-w, --watch', 'print again on each change, until Ctrl C')
    .option('--json', 'one JSON value; with --watch one a line')
    .action((options: Options) => run(options, (terminal) => showStatus(terminal, options)));
}

async function showStatus(terminal: Terminal, options: Options): Promise<ExitCode> {
  if (options.watch) return await watchStatus(terminal, options);
  const status = await terminal.client.status();
  if (options.json) printJson(terminal, status);
  else print(terminal, statusLines(status, outView(terminal)));
  return status.account.kind === 'signed-in' ? EXIT.done : EXIT.signedOut;
}

async function watchStatus(terminal: Terminal, { json }: Options): Promise<ExitCode> {
  let last = '';
  for await (const status of terminal.client.watch(terminal.interrupted)) {
    const text = json ? JSON.stringify(status) : statusLines(status, outView(terminal)).join('\n');
    // Relative times and counters alone are not news.
    const key = json ? text : JSON.stringify(withoutCounters(status));
    if (key !== last) terminal.out.write(`${text}\n${json ? '' : '\n'}`);
    last = key;
  }
  return EXIT.done;
}

function withoutCounters(status: Status): Status {
  const path = status.path && { ...status.path, lastHandshakeAt: null, rttMs: null };
  return { ...status, path, traffic: { rxBytes: 0, txBytes: 0 } };
}
