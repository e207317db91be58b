/** The command line where its reader went away, its disk is full, or its words make no sense: a sentence, never a stack. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDevice, type TestDevice } from './device.ts';

const CULVERT = fileURLToPath(new URL('../../app/bin/culvert', import.meta.url));

let device: TestDevice;

beforeAll(async () => {
  device = await startDevice();
});
afterAll(async () => {
  await device?.close();
});

test.each<[string, string, number, string]>([
  ['the reader goes before the first byte', '{ sleep 1; culvert status --json; } | true', 0, ''],
  ['the reader takes one byte', 'culvert routes --json | head -c 1', 0, ''],
  [
    'the reader of a watch goes, and something changes',
    '(sleep 1; culvert up; culvert down) >/dev/null & culvert status --watch --json | head -n 1',
    0,
    '',
  ],
  ['the reader of a watch goes, and nothing changes', 'culvert status --watch | head -n 1', 0, ''],
  ['stdout is closed', 'culvert version >&-', 0, ''],
  ['stdout and stderr are closed', 'culvert version >&- 2>&-', 0, ''],
  ['stdin is closed', 'culvert version <&- >/dev/null', 0, ''],
  [
    'the disk is full',
    'culvert version >/dev/full',
    1,
    'culvert: The output cannot be written: ENOSPC: no space left on device, write. Make room, or send it elsewhere.\n',
  ],
  ['the disk is full, and stderr too', 'culvert version >/dev/full 2>/dev/full', 1, ''],
])('%s', async (_what, script, code, said) => {
  // With pipefail, so that what culvert itself answers is not lost behind `head`.
  const ran = await shell(`set -o pipefail; ${script}`);

  expect([ran.code, ran.err]).toEqual([code, said]);
});

test.each<[string, string, number]>([
  ['bytes that are no UTF-8', String.raw`culvert why $'\xff\xfe\x80'`, 7],
  ['control characters', String.raw`culvert why $'a\e[31mb'`, 7],
  ['text that turns around', String.raw`culvert why $'\u202Ecorp'`, 7],
  ['nothing', "culvert why ''", 2],
  ['a space', "culvert why 'a b'", 2],
  ['a hundred kilobytes', "culvert why $(head -c 100000 /dev/zero | tr '\\0' x)", 2],
  ['a port that is none', 'culvert why 10.0.0.1:99999', 2],
  ['two destinations', 'culvert why a b', 2],
  ['no destination', 'culvert why', 2],
  ['an unknown option', 'culvert --nonsense', 2],
  ['an option twice', 'culvert status --json --json', 4],
  ['an option that looks like a prototype', 'culvert --__proto__', 2],
  ['a command that is a prototype', 'culvert constructor', 2],
  ['a wait that is none', 'culvert up --wait=never', 2],
  ['a link that is a file', 'culvert login file:///etc/passwd --no-browser', 2],
  ['a link that runs', "culvert login 'javascript:alert(1)' --no-browser", 2],
  ['a shell that is none', 'culvert completion powershell', 2],
])('%s: a sentence or an answer, and its exit code', async (_what, script, code) => {
  const ran = await shell(script);

  expect([ran.code, ran.err], ran.out).toEqual([
    code,
    expect.not.stringMatching(/^ {4}at |node:internal/m),
  ]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal.
  expect(ran.out + ran.err).not.toMatch(/[\u0000-\u0008\u001b\u202e]/); // oxlint-disable-line no-control-regex -- the same
});

function shell(script: string): Promise<{ code: number; out: string; err: string }> {
  const env = { PATH: process.env.PATH, LANG: 'C.UTF-8', CULVERT_SOCKET: device.socket };
  const whole = `culvert() { ${CULVERT} "$@"; }; ${script}`;
  return new Promise((resolve) => {
    execFile('bash', ['--norc', '-c', whole], { env, timeout: 30_000 }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err });
    });
  });
}
