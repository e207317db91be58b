/** The words of the command line's own lines; whole sentences are in contract/sentences. */
import type { Language } from '../contract/sentences/say.ts';

/** Ten thousand entries are 10,000, in both languages. A revision is a name, not an amount. */
const AMOUNT = new Intl.NumberFormat('en-GB');

function amount(count: number): string {
  return AMOUNT.format(count);
}

const en = {
  on: 'On',
  off: 'Off',
  connecting: 'Connecting',
  connectingAgain: 'On, connecting again',
  stopping: 'Switching off',
  pausedUntil: (time: string) => `a pause: on again at ${time}`,
  signIn: 'Needs sign-in',
  cannotConnect: 'Can’t connect',
  path: 'Path',
  lists: 'Lists',
  note: 'Note',
  as: (organisation: string, email: string, until: string) =>
    `${organisation} as ${email}, until ${until}`,
  overUdp: 'WireGuard over UDP',
  networks: (count: number) => (count === 1 ? '1 network' : `${amount(count)} networks`),
  connectors: (healthy: number, total: number) =>
    `${amount(healthy)} of ${amount(total)} connectors`,
  ranges: (first: string, more: number) =>
    more === 0 ? first : `${first} and ${amount(more)} more`,
  listsLine: (exclude: number, include: number, path: string, revision: number) =>
    `exclude ${amount(exclude)}, include ${amount(include)}, default ${path}, revision ${revision}`,
  finishInBrowser: 'Finish in your browser:',
  retry: (wait: string) => `next try ${wait}`,
  noRoutes: 'No routes: the tunnel is off, or no network is yours to reach.',
  defaultPath: (path: string) =>
    `everything else goes ${path === 'tunnel' ? 'into the tunnel' : 'directly'}`,
  signedIn: (organisation: string, email: string) => `Signed in to ${organisation} as ${email}.`,
  openThis: 'Open this address in a browser on this computer:',
  opened: 'Your browser shows the sign-in. If it does not, open:',
  waiting: 'Waiting for the sign-in',
  working: 'Working',
  connectingNow: 'Connecting',
  signedOut: 'Signed out. The keys of this device are gone.',
  nothingToRepair: 'Nothing of Culvert was left on this computer.',
  undone: 'taken back',
  kept: 'still there',
  steps: {
    'split-tunnel': { tunnel: 'goes into the tunnel', direct: 'goes directly' },
    route: 'route',
    gateway: 'gateway',
    connector: 'connector',
    rule: 'rule',
    target: 'target',
  },
};

type Words = typeof en;

const ja: Words = {
  on: 'オン',
  off: 'オフ',
  connecting: '接続中',
  connectingAgain: 'オン（再接続中）',
  stopping: '切断中',
  pausedUntil: (time) => `一時停止中：${time} に再開`,
  signIn: 'サインインが必要',
  cannotConnect: '接続できません',
  path: '経路',
  lists: 'リスト',
  note: 'お知らせ',
  as: (organisation, email, until) => `${organisation}（${email}）、${until} まで`,
  overUdp: 'WireGuard（UDP）',
  networks: (count) => `${amount(count)} 個のネットワーク`,
  connectors: (healthy, total) => `コネクター ${amount(total)} 台中 ${amount(healthy)} 台`,
  ranges: (first, more) => (more === 0 ? first : `${first} ほか ${amount(more)} 件`),
  listsLine: (exclude, include, path, revision) =>
    `除外 ${amount(exclude)}、含める ${amount(include)}、既定 ${path}、リビジョン ${revision}`,
  finishInBrowser: 'ブラウザーで続けてください：',
  retry: (wait) => `次の試行 ${wait}`,
  noRoutes: '経路はありません。トンネルがオフか、利用できるネットワークがありません。',
  defaultPath: (path) => `その他は${path === 'tunnel' ? 'トンネルを通ります' : '直接つながります'}`,
  signedIn: (organisation, email) => `${organisation} に ${email} としてサインインしました。`,
  openThis: 'このコンピューターのブラウザーで次のアドレスを開いてください：',
  opened: 'ブラウザーにサインイン画面が出ます。出ない場合は次を開いてください：',
  waiting: 'サインインを待っています',
  working: '処理中',
  connectingNow: '接続中',
  signedOut: 'サインアウトしました。このデバイスの鍵は消去されました。',
  nothingToRepair: 'このコンピューターに Culvert のものは残っていません。',
  undone: '元に戻しました',
  kept: 'まだ残っています',
  steps: {
    'split-tunnel': { tunnel: 'トンネルに入る', direct: '直接つながる' },
    route: '経路',
    gateway: 'ゲートウェイ',
    connector: 'コネクター',
    rule: 'ルール',
    target: '接続先',
  },
};

export const WORDS: Record<Language, Words> = { en, ja };
