/** `culvert login`: listens for the browser's way back; everything secret stays in culvertd. */
import type { Command } from 'commander';
import { firstRealCallback, SIGN_IN_LIMIT_MS } from '../../client/browser-return.ts';
import { type Loopback, listenOnLoopback } from '../../client/loopback-listener.ts';
import type { Status } from '../../contract/local-api.ts';
import { Fault } from '../../contract/problem.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { openBrowser } from '../open-browser.ts';
import { statusLines } from '../print-status.ts';
import { withProgress } from '../progress.ts';
import type { Run } from '../run.ts';
import { outView, print, printJson, type Terminal } from '../terminal.ts';
import { WORDS } from '../words.ts';

interface Options {
  browser: boolean;
  json?: boolean;
}

export function addLogin(program: Command, run: Run): void {
  program
    .command('login')
    .description('sign in; without a link again to the organisation that this device knows')
    .argument('[LINK]', 'sign-in link of your organisation, or its address', '')
    .option('--no-browser', 'print the address instead of opening a browser')
    .option('--json', 'the status as JSON; the address to open goes to stderr')
    .action((link: string, options: Options) =>
      run(options, (terminal) => signIn(terminal, link, options)),
    );
}

async function signIn(terminal: Terminal, link: string, options: Options): Promise<ExitCode> {
  const loopback = await listenOnLoopback();
  try {
    const words = WORDS[outView(terminal).language];
    const start = terminal.client.startLogin({ link, redirectPort: loopback.port });
    const { loginId, authorizeUrl } = await withProgress(terminal, words.working, start);
    await showAddress(terminal, authorizeUrl, options);
    const status = await withProgress(
      terminal,
      words.waiting,
      waitForBrowser(terminal, loopback, loginId),
    );
    return tellResult(terminal, status, options);
  } finally {
    loopback.close();
  }
}

async function showAddress(
  terminal: Terminal,
  url: string,
  { browser, json }: Options,
): Promise<void> {
  const words = WORDS[outView(terminal).language];
  const isOpen = browser && (await openBrowser(url, terminal.environment));
  // A script reads stdout; the person who runs it reads stderr.
  const stream = json ? terminal.err : terminal.out;
  stream.write(`${isOpen ? words.opened : words.openThis}\n\n  ${url}\n\n`);
}

async function waitForBrowser(
  terminal: Terminal,
  loopback: Loopback,
  loginId: string,
): Promise<Status> {
  const giveUp = AbortSignal.any([terminal.interrupted, AbortSignal.timeout(SIGN_IN_LIMIT_MS)]);
  const given = new Promise<never>((_resolve, reject) => {
    giveUp.addEventListener('abort', () => reject(abandoned(terminal)), { once: true });
  });
  try {
    return await Promise.race([
      firstRealCallback(terminal.client, loopback, loginId, outView(terminal).language),
      given,
    ]);
  } catch (cause) {
    // Tells the front ends that nobody waits any more; a sign-in that ended by itself is gone already.
    await terminal.client.cancelLogin().catch(() => undefined);
    throw cause;
  }
}

function abandoned(terminal: Terminal): Fault {
  return terminal.interrupted.aborted
    ? new Fault('login-cancelled')
    : new Fault('login-expired', { limitMs: SIGN_IN_LIMIT_MS });
}

function tellResult(terminal: Terminal, status: Status, { json }: Options): ExitCode {
  const view = outView(terminal);
  const { account } = status;
  if (json) printJson(terminal, status);
  else if (account.kind === 'signed-in') {
    print(terminal, [
      WORDS[view.language].signedIn(account.organisation, account.user.email),
      ...statusLines(status, view),
    ]);
  } else print(terminal, statusLines(status, view));
  return account.kind === 'signed-in' ? EXIT.done : EXIT.failed;
}
