/** The tray's menu as a value, so that it can be compared in a test and works without any window. */
import type { Status } from '../../contract/local-api.ts';
import type { View } from '../ipc/channels.ts';
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

export type IconState = 'connected' | 'off' | 'connecting' | 'needs-you';

/** The five states that people see. */
export type ShownState = 'connected' | 'connecting' | 'off' | 'needs-sign-in' | 'cannot-connect';

export function shownState(view: View): ShownState {
  const { status } = view;
  if (!status) return 'cannot-connect';
  if (status.account.kind !== 'signed-in') return 'needs-sign-in';
  switch (status.tunnel.kind) {
    case 'on':
      return 'connected';
    case 'starting':
    case 'reconnecting':
      return 'connecting';
    case 'failed':
      return 'cannot-connect';
    case 'off':
    case 'stopping':
      return status.wanted === 'on' ? 'connecting' : 'off';
  }
}

export function iconState(view: View): IconState {
  const shown = shownState(view);
  if (shown === 'cannot-connect' || shown === 'needs-sign-in') return 'needs-you';
  return shown;
}

export function trayMenu(view: View): MenuItem[] {
  const text = words[view.language];
  const shown = shownState(view);
  const state: MenuItem = { kind: 'line', text: text.states[shown] };
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
