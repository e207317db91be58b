import { createColors } from 'picocolors';
import { describe, expect, test } from 'vitest';
import type { Status } from '../contract/local-api.ts';
import { problem } from '../contract/problem.ts';
import { parseDestination } from './commands/why.ts';
import { EXIT, EXIT_MEANINGS, exitCodeOf } from './exit-codes.ts';
import { statusLines } from './print-status.ts';
import { cellsOf, colorsFor, languageOf, padCells, type View } from './view.ts';

const NOW = new Date(2026, 10, 22, 12, 0).getTime();

describe('status', () => {
  test('connected: who, the path, each network, the lists', () => {
    expect(statusLines(connected(), view())).toEqual([
      'On     Example Inc. as alice@example.com, until 18:00',
      'Path   laptop → tokyo-gw-1 (9 ms, WireGuard over UDP) → 2 networks',
      '       tokyo-vpc  192.168.0.0/24           2 of 2 connectors',
      '       lab        10.8.0.0/16 and 1 more   1 of 2 connectors',
      'Lists  exclude 14, include 2, default direct, revision 42',
    ]);
  });

  test('amounts have separators, for people; a revision is a name', () => {
    const lists = { ...connected().lists, include: 10_000, exclude: 1_234, revision: 56_789 };

    expect(statusLines({ ...connected(), lists } as Status, view()).at(-1)).toBe(
      'Lists  exclude 1,234, include 10,000, default direct, revision 56789',
    );
  });

  test.each<[string, Partial<Status>, string]>([
    ['off', { tunnel: { kind: 'off' }, wanted: 'off' }, 'Off    Example'],
    ['wanted on, not yet begun', { tunnel: { kind: 'off' } }, 'Connecting  Example'],
    [
      'starting',
      { tunnel: { kind: 'starting', since: 0, attempt: 1, problem: null } },
      'Connecting  Example',
    ],
    ['stopping', { tunnel: { kind: 'stopping' }, wanted: 'off' }, 'Switching off  Example'],
    [
      'reconnecting',
      {
        tunnel: {
          kind: 'reconnecting',
          since: 0,
          problem: problem('path-lost', { lostAt: NOW - 4000 }),
        },
      },
      'On, connecting again  Example Inc. as alice@example.com, until 18:00\n                      The network went away 4 s ago.',
    ],
    [
      'failed',
      { tunnel: { kind: 'failed', problem: problem('no-gateway'), retryAt: NOW + 8000 } },
      'Can’t connect  Example Inc. as alice@example.com, until 18:00\n               Your organisation has no gateway for this device. Ask an administrator. (next try in 8 s)',
    ],
    [
      'signed out',
      { account: { kind: 'signed-out', problem: null } },
      'Needs sign-in  This device is not signed in.',
    ],
    [
      'ended',
      { account: { kind: 'signed-out', problem: problem('device-removed') } },
      'Needs sign-in  An administrator removed this device',
    ],
    [
      'signing in',
      {
        account: {
          kind: 'signing-in',
          since: 0,
          authorizeUrl: 'https://g.example/a',
          gateway: 'https://g.example',
        },
      },
      'Needs sign-in  Finish in your browser:\n               https://g.example/a',
    ],
  ])('%s', (_state, parts, beginning) => {
    const text = statusLines({ ...connected(), ...parts }, view()).join('\n');

    expect(text.slice(0, beginning.length)).toBe(beginning);
  });

  test('a stream that has just begun to connect is not worth a line; a notice is', () => {
    const first = connected();
    const account = { ...first.account, stream: 'connecting' } as Status['account'];
    const lost = problem('stream-lost', { gateway: 'g.example', reason: 'no route' });

    expect(statusLines({ ...first, account }, view())).toEqual(statusLines(first, view()));
    expect(
      statusLines({ ...first, account, notices: [{ problem: lost, actions: [] }] }, view()).at(-1),
    ).toBe('Note   No news from g.example: no route. Traffic goes on with the last configuration.');
  });

  test('Japanese columns line up by what a terminal shows', () => {
    const [first = '', second = ''] = statusLines(connected(), { ...view(), language: 'ja' });

    expect(first.startsWith('オン    Example')).toBe(true);
    expect(cellsOf(first.slice(0, first.indexOf('Example')))).toBe(
      cellsOf(second.slice(0, second.indexOf('laptop'))),
    );
  });

  test('colour is for terminals, and never where NO_COLOR asks for none', () => {
    const coloured = statusLines(connected(), { ...view(), colors: createColors(true) }).join('\n');

    expect(coloured).toContain('\u001b[32mOn     \u001b[39m');
    const waiting = { ...connected(), tunnel: { kind: 'off' as const }, path: null };
    expect(statusLines(waiting, { ...view(), colors: createColors(true) })[0]).toContain(
      '\u001b[1mConnecting',
    );
    expect(colorsFor(false, {}).green('x')).toBe('x');
    expect(colorsFor(true, { NO_COLOR: '1' }).green('x')).toBe('x');
  });
});

describe('destinations', () => {
  test.each([
    ['192.168.0.10', { destination: '192.168.0.10' }],
    ['192.168.0.10:22', { destination: '192.168.0.10', port: 22 }],
    ['wiki.corp:443', { destination: 'wiki.corp', port: 443 }],
    ['fd00::1', { destination: 'fd00::1' }],
    ['[fd00::1]', { destination: 'fd00::1' }],
    ['[fd00::1]:22', { destination: 'fd00::1', port: 22 }],
    ['https://wiki.corp/page', { destination: 'wiki.corp', port: 443 }],
    ['ssh://alice@10.0.0.1', { destination: '10.0.0.1', port: 22 }],
    ['http://[fd00::1]:8080/', { destination: 'fd00::1', port: 8080 }],
  ])('%s', (text, expected) => {
    expect(parseDestination(text)).toEqual(expected);
  });

  test.each([
    '',
    'a b',
    'host:',
    'host:0',
    'host:65536',
    'host:22a',
    'host:-1',
    '[fd00::1]:',
    'x'.repeat(254),
    'a/b',
  ])('%j is refused', (text) => {
    expect(() => parseDestination(text)).toThrow();
  });
});

describe('exit codes', () => {
  test('the table names each code once', () => {
    expect(EXIT_MEANINGS.map(({ code }) => code)).toEqual(Object.values(EXIT));
  });

  test('a code that this program does not know is a failure, whatever it is called', () => {
    expect(exitCodeOf({ code: 'constructor', detail: {} })).toBe(EXIT.failed);
    expect(exitCodeOf({ code: 'from-the-future', detail: {} })).toBe(EXIT.failed);
    expect(exitCodeOf(problem('daemon-not-running'))).toBe(EXIT.noDaemon);
  });
});

test('the language follows POSIX’s order', () => {
  expect(languageOf({ LANG: 'ja_JP.UTF-8' })).toBe('ja');
  expect(languageOf({ LANG: 'ja_JP.UTF-8', LC_ALL: 'C' })).toBe('en');
  expect(languageOf({})).toBe('en');
});

test('padding counts cells, not letters', () => {
  expect(padCells('オン', 6)).toBe('オン  ');
});

function view(): View {
  return { language: 'en', now: NOW, colors: createColors(false), hostname: 'laptop' };
}

function connected(): Status {
  return {
    version: '0.1.0',
    account: {
      kind: 'signed-in',
      organisation: 'Example Inc.',
      gateway: 'https://gateway.example',
      user: { email: 'alice@example.com', name: 'Alice' },
      deviceId: 'd',
      expiresAt: new Date(2026, 10, 22, 18, 0).getTime(),
      stream: 'connected',
    },
    wanted: 'on',
    pausedUntil: null,
    tunnel: { kind: 'on', since: 0 },
    path: {
      gateway: 'tokyo-gw-1',
      endpoint: '203.0.113.7:51820',
      backend: 'engine',
      interface: 'culvert0',
      lastHandshakeAt: NOW,
      rttMs: 9,
    },
    networks: [
      {
        id: '1',
        name: 'tokyo-vpc',
        ranges: ['192.168.0.0/24'],
        connectors: { healthy: 2, total: 2 },
      },
      {
        id: '2',
        name: 'lab',
        ranges: ['10.8.0.0/16', '10.9.0.0/16'],
        connectors: { healthy: 1, total: 2 },
      },
    ],
    lists: { profile: 'Default', defaultPath: 'direct', include: 2, exclude: 14, revision: 42 },
    notices: [],
    traffic: { rxBytes: 0, txBytes: 0 },
  };
}
