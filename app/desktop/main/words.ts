/** Words of the tray menu; the window has its own table. */
import type { ShownState } from '../ipc/icon-state.ts';

export interface Words {
  states: Record<ShownState, string>;
  switchOn: string;
  switchOff: string;
  pause: string;
  pausedUntil: (time: string) => string;
  minutes: (count: number) => string;
  networks: string;
  connectorDown: string;
  more: (count: number) => string;
  why: string;
  open: string;
  preferences: string;
  signIn: string;
  signOut: string;
  quit: string;
}

const en: Words = {
  states: {
    connected: 'Connected',
    connecting: 'Connecting',
    off: 'Off',
    'needs-sign-in': 'Needs sign-in',
    'cannot-connect': 'Can’t connect',
  },
  switchOn: 'Switch on',
  switchOff: 'Switch off',
  pause: 'Pause',
  pausedUntil: (time) => `Paused until ${time}`,
  minutes: (count) => `For ${count} minutes`,
  networks: 'Networks',
  connectorDown: 'connector down',
  more: (count) => `${count} more`,
  why: 'Why can’t I reach…?',
  open: 'Open Culvert',
  preferences: 'Preferences',
  signIn: 'Sign in',
  signOut: 'Sign out',
  quit: 'Quit',
};

const ja: Words = {
  states: {
    connected: '接続中',
    connecting: '接続しています',
    off: 'オフ',
    'needs-sign-in': 'サインインが必要です',
    'cannot-connect': '接続できません',
  },
  switchOn: 'オンにする',
  switchOff: 'オフにする',
  pause: '一時停止',
  pausedUntil: (time) => `${time} まで一時停止中`,
  minutes: (count) => `${count} 分間`,
  networks: 'ネットワーク',
  connectorDown: 'コネクター停止中',
  more: (count) => `ほか ${count} 件`,
  why: '到達できない理由…',
  open: 'Culvert を開く',
  preferences: '設定',
  signIn: 'サインイン',
  signOut: 'サインアウト',
  quit: '終了',
};

export const words: Record<'en' | 'ja', Words> = { en, ja };
