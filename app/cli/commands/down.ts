import type { Command } from 'commander';
import type { Status } from '../../contract/local-api.ts';
import { parseDuration } from '../duration.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { statusLines } from '../print-status.ts';
import { withProgress } from '../progress.ts';
import type { Run } from '../run.ts';
import { outView, print, printJson, type Terminal } from '../terminal.ts';
import { WORDS } from '../words.ts';

interface Options {
  json?: boolean;
  /** Seconds. */
  for?: number;
}

/** Taking everything back needs no network, so it is quick or broken. */
const PATIENCE_MS = 10_000;

export function addDown(program: Command, run: Run): void {
  program
    .command('down')
    .alias('disconnect')
    .description('switch off; this computer is as if Culvert were not there')
    .option('--for <TIME>', 'a pause: on again by itself after 15m, 1h30m, …', parseDuration)
    .option('--json', 'the status as JSON')
    .action((options: Options) => run(options, (terminal) => switchOff(terminal, options)));
}

async function switchOff(terminal: Terminal, { json, for: seconds }: Options): Promise<ExitCode> {
  const { language } = outView(terminal);
  const { client } = terminal;
  const first = await (seconds === undefined ? client.down() : client.pause({ seconds }));
  const status = await withProgress(terminal, WORDS[language].stopping, untilOff(terminal, first));
  if (json) printJson(terminal, status);
  else print(terminal, statusLines(status, outView(terminal)));
  return status.tunnel.kind === 'off' ? EXIT.done : EXIT.failed;
}

async function untilOff(terminal: Terminal, first: Status): Promise<Status> {
  let last = first;
  if (last.tunnel.kind === 'off') return last;
  const signal = AbortSignal.any([terminal.interrupted, AbortSignal.timeout(PATIENCE_MS)]);
  for await (const status of terminal.client.watch(signal)) {
    last = status;
    if (status.tunnel.kind === 'off') break;
  }
  return last;
}
