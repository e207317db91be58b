/**
 * A sign-in from this app: listens for the browser's way back, opens the gateway's page, and hands what comes back to
 * culvertd. Verifier and tokens never come near this process.
 */
import { shell } from 'electron';
import { firstRealCallback, SIGN_IN_LIMIT_MS } from '../../client/browser-return.ts';
import { problemOfCall } from '../../client/client.ts';
import { type Loopback, listenOnLoopback } from '../../client/loopback-listener.ts';
import type { Account } from '../../contract/local-api.ts';
import { Fault } from '../../contract/problem.ts';
import type { SignInProgress } from '../ipc/channels.ts';
import type { DaemonLink } from './daemon-link.ts';
import { isSignInPage } from './sign-in-page.ts';

export interface SignInSurroundings {
  language(): 'en' | 'ja';
  progress(progress: SignInProgress): void;
  /** The browser has brought back what was needed. */
  done(): void;
}

export class SignIn {
  readonly #daemon: DaemonLink;
  readonly #around: SignInSurroundings;
  /** Aborted when nobody waits for this try any more. */
  #attempt: AbortController | undefined;
  #page: string | undefined;

  constructor(daemon: DaemonLink, around: SignInSurroundings) {
    this.#daemon = daemon;
    this.#around = around;
  }

  /** Ends when the browser has been opened, or it is known why not. An empty link renews. */
  async start(link: string): Promise<void> {
    this.#attempt?.abort();
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#around.progress({ stage: 'asking', problem: null });
    try {
      const loopback = await listenOnLoopback();
      attempt.signal.addEventListener('abort', () => loopback.close(), { once: true });
      const { port } = loopback;
      const login = await this.#daemon.startLogin({ link, redirectPort: port });
      if (attempt.signal.aborted) return;
      if (!isSignInPage(login.authorizeUrl, port))
        throw new Fault('daemon-answer', { reason: 'the sign-in page is not one over https' });
      this.#page = login.authorizeUrl;
      this.#around.progress({ stage: 'in-browser', problem: null });
      void this.#finish(attempt, loopback, login.loginId);
      await shell.openExternal(login.authorizeUrl);
    } catch (thrown) {
      this.#end(attempt, thrown);
    }
  }

  /** The page of this app's own try; of somebody's on the command line, the one that culvertd names. */
  async openAgain(account: Account | undefined): Promise<void> {
    const page = account?.kind === 'signing-in' ? account.authorizeUrl : this.#page;
    if (page !== undefined && isSignInPage(page)) await shell.openExternal(page);
  }

  async cancel(): Promise<void> {
    if (this.#attempt) this.#end(this.#attempt);
    await this.#daemon.cancelLogin();
  }

  async #finish(attempt: AbortController, loopback: Loopback, loginId: string): Promise<void> {
    const language = this.#around.language();
    try {
      await Promise.race([
        firstRealCallback(this.#daemon, loopback, loginId, language),
        abandoned(attempt.signal),
      ]);
      if (attempt.signal.aborted) return;
      this.#end(attempt);
      this.#around.done();
    } catch (thrown) {
      if (attempt.signal.aborted) return;
      this.#end(attempt, thrown);
      // Tells the front ends that nobody waits any more; a sign-in that ended by itself is gone already.
      await this.#daemon.cancelLogin().catch(() => undefined);
    }
  }

  #end(attempt: AbortController, thrown?: unknown): void {
    attempt.abort();
    if (attempt !== this.#attempt) return;
    this.#attempt = undefined;
    this.#page = undefined;
    const problem = thrown === undefined ? null : problemOfCall(thrown);
    this.#around.progress({ stage: 'idle', problem });
  }
}

function abandoned(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Fault('login-expired', { limitMs: SIGN_IN_LIMIT_MS })),
      SIGN_IN_LIMIT_MS,
    );
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(new Fault('login-cancelled'));
    });
  });
}
