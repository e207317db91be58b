/** What the tray icon and the mark in the window say by their shape, from what is known. */
import type { View } from './channels.ts';

export type IconState = 'connected' | 'off' | 'connecting' | 'needs-you';

/** The five states that people see. */
export type ShownState = 'connected' | 'connecting' | 'off' | 'needs-sign-in' | 'cannot-connect';

export function shownState({ status }: Pick<View, 'status'>): ShownState {
  if (!status) return 'cannot-connect';
  if (status.account.kind !== 'signed-in') return 'needs-sign-in';
  switch (status.tunnel.kind) {
    case 'on':
      return status.wanted === 'on' ? 'connected' : 'off';
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

export function iconState(view: Pick<View, 'status'>): IconState {
  const shown = shownState(view);
  return shown === 'cannot-connect' || shown === 'needs-sign-in' ? 'needs-you' : shown;
}
