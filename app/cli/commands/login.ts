/** `culvert login`: listens for the browser's way back; everything secret stays in culvertd. */
import type { Command } from 'commander';
import { problemOfCall } from '../../client/client.ts';
import type { Status } from '../../contract/local-api.ts';
import { Fault } from '../../contract/problem.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { type Loopback, listenOnLoopback } from '../loopback-listener.ts';
import { openBrowser } from '../open-browser.ts';
import { statusLines } from '../print-status.ts';
import type { Run } from '../program.ts';
import { withProgress } from '../progress.ts';
import { outView, print, printJson, type Terminal } from '../terminal.ts';
import { sentence, type View } from '../view.ts';
import { WORDS } from '../words.ts';

interface Options {
  browser: boolean;
  json?: boolean;
}

/** As long as the daemon waits. */
const LIMIT_MS = 5 * 60_000;
const DAMAGED = 'login-callback';

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
  const giveUp = AbortSignal.any([terminal.interrupted, AbortSignal.timeout(LIMIT_MS)]);
  const given = new Promise<never>((_resolve, reject) => {
    giveUp.addEventListener('abort', () => reject(abandoned(terminal)), { once: true });
  });
  try {
    return await Promise.race([firstRealCallback(terminal, loopback, loginId), given]);
  } catch (cause) {
    // Tells the front ends that nobody waits any more; a sign-in that ended by itself is gone already.
    await terminal.client.cancelLogin().catch(() => undefined);
    throw cause;
  }
}

function abandoned(terminal: Terminal): Fault {
  return terminal.interrupted.aborted
    ? new Fault('login-cancelled')
    : new Fault('login-expired', { limitMs: LIMIT_MS });
}

/** Any page can send the browser here with anything: only what culvertd accepts, or refuses for good, ends the wait. */
async function firstRealCallback(
  terminal: Terminal,
  loopback: Loopback,
  loginId: string,
): Promise<Status> {
  const view = outView(terminal);
  for await (const callback of loopback.callbacks()) {
    try {
      const status = await terminal.client.finishLogin({ loginId, callback: callback.query });
      callback.answer({ isAccepted: true, ...welcome(status, view) });
      return status;
    } catch (cause) {
      const problem = problemOfCall(cause);
      callback.answer({ isAccepted: false, title: 'Culvert', text: sentence(problem, view) });
      if (problem.code !== DAMAGED) throw cause;
    }
  }
  throw new Fault('login-unknown');
}

function welcome({ account }: Status, view: View): { title: string; text: string } {
  const isJapanese = view.language === 'ja';
  const title = isJapanese ? 'サインインしました' : 'You are signed in';
  const organisation = account.kind === 'signed-in' ? account.organisation : 'Culvert';
  const text = isJapanese
    ? `このコンピューターは ${organisation} に参加しました。このページは閉じてかまいません。`
    : `This computer now belongs to ${organisation}. You can close this page.`;
  return { title, text };
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
