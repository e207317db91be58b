import { expect, test } from 'vitest';
import type { Account, Status, Tunnel } from '../../contract/local-api.ts';
import type { View } from '../ipc/channels.ts';
import { iconState } from '../ipc/icon-state.ts';
import { type MenuItem, trayMenu } from './tray-menu.ts';

const signedIn: Account = {
  kind: 'signed-in',
  organisation: 'Example Inc.',
  gateway: 'https://gateway.example',
  user: { email: 'alice@example.com', name: 'Alice Arai' },
  deviceId: 'dev_1',
  expiresAt: 1,
  stream: 'connected',
};
const networks = [network('tokyo-vpc', 2), network('oslo', 0)];

function network(name: string, healthy: number): Status['networks'][number] {
  return { id: name, name, ranges: ['192.168.0.0/24'], connectors: { healthy, total: 2 } };
}

function status(parts: Partial<Status>): Status {
  return {
    version: '0.1.0',
    account: signedIn,
    wanted: 'on',
    pausedUntil: null,
    tunnel: { kind: 'on', since: 0 },
    path: null,
    networks,
    lists: null,
    notices: [],
    traffic: { rxBytes: 0, txBytes: 0 },
    ...parts,
  };
}

function view(status: Status | null, parts: Partial<View> = {}): View {
  return {
    status,
    problem: null,
    refusal: null,
    signIn: { stage: 'idle', problem: null },
    preferences: { language: 'system', appearance: 'system', openAtLogin: false },
    language: 'en',
    pausedUntil: null,
    ...parts,
  };
}

/** One line an item: `text` for a line, `[text] action` for what can be clicked, `> text` for a submenu. */
function drawn(items: MenuItem[], indent = ''): string {
  return items.map((item) => indent + drawnItem(item, indent)).join('\n');
}

function drawnItem(item: MenuItem, indent: string): string {
  switch (item.kind) {
    case 'line':
      return item.text;
    case 'separator':
      return '--';
    case 'action':
      return `[${item.text}] ${item.action}`;
    case 'submenu':
      return `> ${item.text}\n${drawn(item.items, `${indent}  `)}`;
  }
}

const menu = (of: View) => drawn(trayMenu(of));

test('connected: switch off, pause, networks with their health, and why', () => {
  expect(menu(view(status({})))).toMatchInlineSnapshot(`
    "Connected
    [Switch off] switch-off
    > Pause
      [For 5 minutes] pause-5
      [For 15 minutes] pause-15
      [For 60 minutes] pause-60
    --
    > Networks
      tokyo-vpc
      oslo: connector down
    [Why can’t I reach…?] why
    --
    [Open Culvert] open
    [Preferences] preferences
    [Sign out] sign-out
    --
    [Quit] quit"
  `);
});

test('off: only switching on', () => {
  const off = status({ wanted: 'off', tunnel: { kind: 'off' } });
  expect(menu(view(off))).toMatchInlineSnapshot(`
    "Off
    [Switch on] switch-on
    --
    > Networks
      tokyo-vpc
      oslo: connector down
    [Why can’t I reach…?] why
    --
    [Open Culvert] open
    [Preferences] preferences
    [Sign out] sign-out
    --
    [Quit] quit"
  `);
});

test('paused: until when', () => {
  const off = status({ wanted: 'off', tunnel: { kind: 'off' } });
  const at = new Date(2026, 10, 22, 9, 5).getTime();
  expect(menu(view(off, { pausedUntil: at })).split('\n')[0]).toBe('Paused until 09:05');
});

test('signed out: the way in, and nothing that needs an organisation', () => {
  const out = status({
    account: { kind: 'signed-out', problem: null },
    wanted: 'off',
    networks: [],
  });
  expect(menu(view(out))).toMatchInlineSnapshot(`
    "Needs sign-in
    [Sign in] sign-in
    --
    [Open Culvert] open
    [Preferences] preferences
    --
    [Quit] quit"
  `);
});

test('without culvertd: what still works', () => {
  expect(menu(view(null))).toMatchInlineSnapshot(`
    "Can’t connect
    --
    [Open Culvert] open
    [Preferences] preferences
    --
    [Quit] quit"
  `);
});

test('in Japanese', () => {
  expect(menu(view(status({}), { language: 'ja' }))).toMatchInlineSnapshot(`
    "接続中
    [オフにする] switch-off
    > 一時停止
      [5 分間] pause-5
      [15 分間] pause-15
      [60 分間] pause-60
    --
    > ネットワーク
      tokyo-vpc
      oslo: コネクター停止中
    [到達できない理由…] why
    --
    [Culvert を開く] open
    [設定] preferences
    [サインアウト] sign-out
    --
    [終了] quit"
  `);
});

test('more networks than a menu holds are counted', () => {
  const many = Array.from({ length: 10_000 }, (_, index) => network(`n${index}`, 1));
  const items = trayMenu(view(status({ networks: many })));
  const submenu = items.find((item) => item.kind === 'submenu' && item.text === 'Networks');
  expect(submenu).toMatchObject({ items: { length: 13, 12: { text: '9988 more' } } });
});

const problem = { code: 'no-gateway', detail: {} };
const tunnels: [Tunnel, 'on' | 'off', string, string][] = [
  [{ kind: 'on', since: 0 }, 'on', 'Connected', 'connected'],
  [{ kind: 'starting', since: 0, attempt: 1, problem: null }, 'on', 'Connecting', 'connecting'],
  [{ kind: 'reconnecting', since: 0, problem }, 'on', 'Connecting', 'connecting'],
  [{ kind: 'off' }, 'on', 'Connecting', 'connecting'],
  [{ kind: 'stopping' }, 'off', 'Off', 'off'],
  [{ kind: 'on', since: 0 }, 'off', 'Off', 'off'],
  [{ kind: 'off' }, 'off', 'Off', 'off'],
  [{ kind: 'failed', problem, retryAt: null }, 'on', 'Can’t connect', 'needs-you'],
];

test.each(tunnels)('%o while %s is wanted reads “%s”, icon %s', (tunnel, wanted, line, icon) => {
  const shown = view(status({ tunnel, wanted }));
  expect(trayMenu(shown)[0]).toEqual({ kind: 'line', text: line });
  expect(iconState(shown)).toBe(icon);
});
