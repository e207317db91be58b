/** The status as lines: one fact each, aligned, colour never alone. */
import type { Problem, Status } from '../contract/local-api.ts';
import { sayDuration } from '../contract/sentences/say.ts';
import { type Colors, clockTime, padCells, sentence, type View, widest } from './view.ts';
import { WORDS } from './words.ts';

export function statusLines(status: Status, view: View): string[] {
  const rows = [
    ...headRows(status, view),
    ...pathRows(status, view),
    ...listRows(status, view),
    ...noteRows(status, view),
  ];
  const width = Math.max(5, widest(rows.map(([label]) => label))) + 2;
  return rows.map(([label, text, tone = 'dim']) =>
    `${paintOf(tone, view.colors)(padCells(label, width))}${text}`.trimEnd(),
  );
}

/** How a label looks; what it says never depends on it. */
type Tone = 'good' | 'bad' | 'moving' | 'note' | 'dim';
type Row = readonly [label: string, text: string, tone?: Tone];

function headRows(status: Status, view: View): Row[] {
  const words = WORDS[view.language];
  const { account } = status;
  if (account.kind === 'signing-in') {
    return [
      [words.signIn, words.finishInBrowser, 'note'],
      ['', account.authorizeUrl],
    ];
  }
  if (account.kind === 'signed-out') {
    const why = account.problem ?? { code: 'not-signed-in', detail: {} };
    return [[words.signIn, sentence(why, view), 'note'], ...protectionRow(status, view)];
  }
  const who = words.as(
    account.organisation,
    account.user.email,
    clockTime(account.expiresAt, view),
  );
  const rows: Row[] = [[stateWord(status, view), who, toneOf(status.tunnel)]];
  const { pausedUntil } = status;
  if (pausedUntil !== null) rows.push(['', words.pausedUntil(clockTime(pausedUntil, view))]);
  const why = tunnelProblem(status);
  if (why) rows.push(['', sentence(why, view) + retryText(status, view)]);
  return rows;
}

/** Signed out with the switch on: the reason is told above; what the tunnel says is only worth a line when it differs. */
function protectionRow(status: Status, view: View): Row[] {
  const why = tunnelProblem(status);
  const { account } = status;
  if (why === null || account.kind !== 'signed-out') return [];
  const isSame = why.code === (account.problem?.code ?? 'not-signed-in');
  return isSame ? [] : [['', sentence(why, view)]];
}

export function stateWord({ tunnel, wanted }: Status, view: View): string {
  const words = WORDS[view.language];
  switch (tunnel.kind) {
    case 'on':
      return words.on;
    case 'starting':
      return words.connecting;
    case 'reconnecting':
      return words.connectingAgain;
    case 'failed':
      return words.cannotConnect;
    case 'stopping':
      return wanted === 'on' ? words.connecting : words.stopping;
    case 'off':
      return wanted === 'on' ? words.connecting : words.off;
  }
}

function tunnelProblem({ tunnel }: Status): Problem | null {
  return 'problem' in tunnel ? tunnel.problem : null;
}

function retryText({ tunnel }: Status, view: View): string {
  if (tunnel.kind !== 'failed' || tunnel.retryAt === null) return '';
  const wait = sayDuration(Math.max(0, tunnel.retryAt - view.now), view.language);
  return ` (${WORDS[view.language].retry(view.language === 'ja' ? `${wait}後` : `in ${wait}`)})`;
}

function pathRows(status: Status, view: View): Row[] {
  const words = WORDS[view.language];
  const { path, networks } = status;
  const table = networkTable(status, view);
  if (path === null || status.tunnel.kind !== 'on') return table;
  const rtt = path.rttMs === null ? '' : `${sayDuration(Math.max(1, path.rttMs), view.language)}, `;
  const way = `${view.hostname} → ${path.gateway} (${rtt}${words.overUdp}) → ${words.networks(networks.length)}`;
  return [[words.path, way], ...table];
}

function networkTable({ networks }: Status, view: View): Row[] {
  const words = WORDS[view.language];
  const names = networks.map(({ name }) => name);
  const ranges = networks.map(({ ranges: all }) =>
    words.ranges(all[0] ?? '–', Math.max(0, all.length - 1)),
  );
  return networks.map(({ connectors }, index): Row => {
    const name = padCells(names[index] ?? '', widest(names) + 2);
    const range = padCells(ranges[index] ?? '', widest(ranges) + 3);
    const health = words.connectors(connectors.healthy, connectors.total);
    return ['', name + range + (connectors.healthy === 0 ? view.colors.red(health) : health)];
  });
}

function listRows({ lists }: Status, view: View): Row[] {
  if (lists === null) return [];
  const words = WORDS[view.language];
  return [
    [words.lists, words.listsLine(lists.exclude, lists.include, lists.defaultPath, lists.revision)],
  ];
}

function noteRows({ notices }: Status, view: View): Row[] {
  return notices.map(
    ({ problem }): Row => [WORDS[view.language].note, sentence(problem, view), 'note'],
  );
}

function toneOf({ kind }: Status['tunnel']): Tone {
  if (kind === 'on') return 'good';
  return kind === 'failed' ? 'bad' : 'moving';
}

function paintOf(tone: Tone, colors: Colors): (text: string) => string {
  const paints = {
    good: colors.green,
    bad: colors.red,
    moving: colors.bold,
    note: colors.yellow,
    dim: colors.dim,
  };
  return paints[tone];
}
