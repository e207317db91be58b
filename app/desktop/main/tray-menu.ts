/** The tray's menu as a value, so that it can be compared in a test and works without any window. */
import type { Status } from '../../contract/local-api.ts';
import type { View } from '../ipc/channels.ts';
import { shownState } from '../ipc/icon-state.ts';
import { type Words, words } from './words.ts';

export type MenuAction =
  | 'switch-on'
  | 'switch-off'
  | 'pause-5'
  | 'pause-15'
  | 'pause-60'
  | 'why'
  | 'open'
  | 'preferences'
  | 'sign-in'
  | 'sign-out'
  | 'quit';

export type MenuItem =
  | { kind: 'line'; text: string }
  | { kind: 'separator' }
  | { kind: 'action'; text: string; action: MenuAction }
  | { kind: 'submenu'; text: string; items: MenuItem[] };

export function trayMenu(view: View): MenuItem[] {
  const text = words[view.language];
  const state: MenuItem = { kind: 'line', text: stateLine(view, text) };
  const always: MenuItem[] = [
    { kind: 'separator' },
    { kind: 'action', text: text.open, action: 'open' },
    { kind: 'action', text: text.preferences, action: 'preferences' },
  ];
  const end: MenuItem[] = [
    { kind: 'separator' },
    { kind: 'action', text: text.quit, action: 'quit' },
  ];
  const { status } = view;
  if (!status) return [state, ...always, ...end];
  if (status.account.kind !== 'signed-in') {
    return [state, { kind: 'action', text: text.signIn, action: 'sign-in' }, ...always, ...end];
  }
  return [
    state,
    ...switches(status, text),
    ...networks(status, text),
    ...always,
    { kind: 'action', text: text.signOut, action: 'sign-out' },
    ...end,
  ];
}

function stateLine(view: View, text: Words): string {
  const shown = shownState(view);
  if (shown !== 'off' || view.pausedUntil === null) return text.states[shown];
  return text.pausedUntil(clockTime(view.pausedUntil, view.language));
}

/** To the minute, so that an open menu is not replaced all the time. */
function clockTime(at: number, language: 'en' | 'ja'): string {
  return new Intl.DateTimeFormat(language === 'ja' ? 'ja-JP' : 'en-GB', {
    timeStyle: 'short',
  }).format(at);
}

function switches(status: Status, text: Words): MenuItem[] {
  if (status.wanted === 'off')
    return [{ kind: 'action', text: text.switchOn, action: 'switch-on' }];
  const pauses: MenuItem[] = ([5, 15, 60] as const).map((minutes) => ({
    kind: 'action',
    text: text.minutes(minutes),
    action: `pause-${minutes}`,
  }));
  return [
    { kind: 'action', text: text.switchOff, action: 'switch-off' },
    { kind: 'submenu', text: text.pause, items: pauses },
  ];
}

/** A menu that is longer than a screen helps nobody. */
const MOST_NETWORKS = 12;

function networks(status: Status, text: Words): MenuItem[] {
  if (status.networks.length === 0) return [];
  const lines: MenuItem[] = status.networks.slice(0, MOST_NETWORKS).map((network) => ({
    kind: 'line',
    text: network.connectors.healthy > 0 ? network.name : `${network.name}: ${text.connectorDown}`,
  }));
  const more = status.networks.length - MOST_NETWORKS;
  if (more > 0) lines.push({ kind: 'line', text: text.more(more) });
  return [
    { kind: 'separator' },
    { kind: 'submenu', text: text.networks, items: lines },
    { kind: 'action', text: text.why, action: 'why' },
  ];
}
