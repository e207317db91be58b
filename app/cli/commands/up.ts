import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Status } from '../../contract/local-api.ts';
import { problem } from '../../contract/problem.ts';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-codes.ts';
import { statusLines } from '../print-status.ts';
import { withProgress } from '../progress.ts';
import type { Run } from '../run.ts';
import { outView, print, printJson, type Terminal, tell } from '../terminal.ts';
import { WORDS } from '../words.ts';

interface Options {
  wait?: number | true;
  json?: boolean;
}

const USUAL_WAIT_SECONDS = 30;

export function addUp(program: Command, run: Run): void {
  program
    .command('up')
    .alias('connect')
    .description('switch on')
    .option(
      '--wait [SECONDS]',
      `come back when it is connected (${USUAL_WAIT_SECONDS} s at most)`,
      seconds,
    )
    .option('--json', 'the status as JSON')
    .action((options: Options) => run(options, (terminal) => switchOn(terminal, options)));
}

async function switchOn(terminal: Terminal, options: Options): Promise<ExitCode> {
  const { language } = outView(terminal);
  const wait = options.wait === true ? USUAL_WAIT_SECONDS : options.wait;
  const first = await terminal.client.up();
  const work =
    wait === undefined ? Promise.resolve(first) : untilSettled(terminal, first, wait * 1000);
  const status = await withProgress(terminal, WORDS[language].connectingNow, work);
  if (options.json) printJson(terminal, status);
  else print(terminal, statusLines(status, outView(terminal)));
  if (wait === undefined) return hopeOf(status);
  const result = resultOf(status);
  // The status says how it stands, not that this was all the time there was.
  if (result === EXIT.late)
    tell(terminal, problem('connect-late', { waitedMs: wait * 1000 }), false);
  return result;
}

/** Connected, or in a state that waiting does not change. */
async function untilSettled(terminal: Terminal, first: Status, waitMs: number): Promise<Status> {
  const signal = AbortSignal.any([terminal.interrupted, AbortSignal.timeout(waitMs)]);
  let last = first;
  for await (const status of terminal.client.watch(signal)) {
    last = status;
    if (status.tunnel.kind === 'on' || isHopeless(status)) break;
  }
  return last;
}

function isHopeless({ tunnel }: Status): boolean {
  return tunnel.kind === 'failed' && tunnel.retryAt === null;
}

function resultOf(status: Status): ExitCode {
  if (status.tunnel.kind === 'on') return EXIT.done;
  return isHopeless(status) ? hopeOf(status) : EXIT.late;
}

/** Without --wait “connecting” is fine; a state that only a person can leave is not. */
function hopeOf(status: Status): ExitCode {
  const { tunnel } = status;
  return tunnel.kind === 'failed' && tunnel.retryAt === null
    ? exitCodeOf(tunnel.problem)
    : EXIT.done;
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0 && value <= 3600) return value;
  throw new InvalidArgumentError('It has to be a number of seconds from 1 to 3600.');
}
