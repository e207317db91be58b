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

/** How long after its reader a watch ends in which nothing happens. */
const READER_LOOK_MS = 500;

/** Until Ctrl C, or until nobody reads any more: `culvert status --watch | head -1` has what it wanted. */
async function watchStatus(terminal: Terminal, options: Options): Promise<ExitCode> {
  const unread = new AbortController();
  const looking = setInterval(() => {
    if (!terminal.hasReader()) unread.abort();
  }, READER_LOOK_MS);
  try {
    await printEach(terminal, options, AbortSignal.any([terminal.interrupted, unread.signal]));
  } finally {
    clearInterval(looking);
  }
  return EXIT.done;
}

async function printEach(terminal: Terminal, { json }: Options, until: AbortSignal): Promise<void> {
  let last = '';
  for await (const status of terminal.client.watch(until)) {
    const text = json ? JSON.stringify(status) : statusLines(status, outView(terminal)).join('\n');
    // Relative times and counters alone are not news.
    const key = json ? text : JSON.stringify(withoutCounters(status));
    if (key !== last) terminal.out.write(`${text}\n${json ? '' : '\n'}`);
    last = key;
  }
}

function withoutCounters(status: Status): Status {
  const path = status.path && { ...status.path, lastHandshakeAt: null, rttMs: null };
  return { ...status, path, traffic: { rxBytes: 0, txBytes: 0 } };
}
