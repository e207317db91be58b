/** The end of a sign-in: what the browser brings back goes to culvertd, and the browser shows how it went. */
import type { Status } from '../contract/local-api.ts';
import { Fault } from '../contract/problem.ts';
import { type Language, say } from '../contract/sentences/say.ts';
import { type LocalClient, problemOfCall } from './client.ts';
import type { Loopback } from './loopback-listener.ts';

/** As long as the daemon waits. */
export const SIGN_IN_LIMIT_MS = 5 * 60_000;
const DAMAGED = 'login-callback';

/** Any page can send the browser here with anything: only what culvertd accepts, or refuses for good, ends the wait. */
export async function firstRealCallback(
  client: Pick<LocalClient, 'finishLogin'>,
  loopback: Loopback,
  loginId: string,
  language: Language,
): Promise<Status> {
  for await (const callback of loopback.callbacks()) {
    try {
      const status = await client.finishLogin({ loginId, callback: callback.query });
      callback.answer({ isAccepted: true, ...welcome(status, language) });
      return status;
    } catch (cause) {
      const problem = problemOfCall(cause);
      const text = say(problem, language, Date.now());
      callback.answer({ isAccepted: false, title: 'Culvert', text });
      if (problem.code !== DAMAGED) throw cause;
    }
  }
  throw new Fault('login-unknown');
}

function welcome({ account }: Status, language: Language): { title: string; text: string } {
  const isJapanese = language === 'ja';
  const title = isJapanese ? 'サインインしました' : 'You are signed in';
  const organisation = account.kind === 'signed-in' ? account.organisation : 'Culvert';
  const named = organisation.replace(/\.$/, '');
  const text = isJapanese
    ? `このコンピューターは ${organisation} に参加しました。このページは閉じてかまいません。`
    : `This computer now belongs to ${named}. You can close this page.`;
  return { title, text };
}
