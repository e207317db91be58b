import { execFileSync } from 'node:child_process';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { LocalClient } from '../client/client.ts';
import { runProgram } from './program.ts';

const COMMANDS = 'status login up down why routes logout repair version completion help'.split(' ');

test.each([
  ['culvert ', [...COMMANDS, '--help', '--version']],
  ['culvert lo', ['login', 'logout']],
  ['culvert status --', ['--watch', '--json', '--help']],
  ['culvert why --u', ['--udp']],
  ['culvert why 192.168.0.10 --j', ['--json']],
  ['culvert completion ', ['bash', 'zsh', 'fish', '--help']],
  ['culvert help ex', ['exit-codes']],
  ['culvert nonsense ', []],
])('bash: “%s” and Tab', async (typed, offered) => {
  const words = typed.split(' ');
  const script = `${(await run('completion', 'bash')).out}
    COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
    _culvert
    printf '%s\\n' "\${COMPREPLY[@]}"`;

  const said = execFileSync('bash', ['--norc', '-euc', script], { encoding: 'utf8' });

  expect(said.split('\n').filter((line) => line !== '')).toEqual(offered);
});

test('zsh and fish are told each command, each option and what it does', async () => {
  const [zsh, fish] = await Promise.all([run('completion', 'zsh'), run('completion', 'fish')]);

  for (const command of COMMANDS) {
    expect(zsh.out).toMatch(new RegExp(`^ {4}'${command}:.+'$`, 'm'));
    expect(fish.out).toMatch(
      new RegExp(`^complete -c culvert -n \\S+ -a ${command} -d '.+'$`, 'm'),
    );
  }
  expect(zsh.out).toContain("why) _arguments '--udp[ask for UDP;");
  expect(fish.out).toContain("'__fish_seen_subcommand_from why' -l udp -d 'ask for UDP;");
  // A quote that is not closed would swallow the rest of the file.
  for (const line of fish.out.split('\n')) expect(line.split("'").length % 2).toBe(1);
});

test('another shell is refused with the ones there are', async () => {
  const { code, err } = await run('completion', 'ksh');

  expect(code).toBe(2);
  expect(err).toContain('Allowed choices are bash, zsh, fish.');
});

test('help fits a terminal, and names each command once', async () => {
  const { out } = await run('help');

  for (const command of COMMANDS)
    expect(out.match(new RegExp(`^ {2}${command}\\b`, 'gm'))).toHaveLength(1);
  const wide = out.split('\n').filter((line) => line.length > 90);
  expect(wide).toEqual([]);
});

async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const stream = (name: 'out' | 'err') =>
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        said[name] += chunk.toString();
        done();
      },
    });
  const code = await runProgram(argv, {
    client: new LocalClient('/nonexistent'),
    out: stream('out'),
    err: stream('err'),
    environment: {},
    interrupted: new AbortController().signal,
    hasReader: () => true,
  });
  return { code, ...said };
}
