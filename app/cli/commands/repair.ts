/** `culvert repair`: through the daemon where it runs, else by starting culvertd for just this. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { z } from 'zod';
import { problemOfCall } from '../../client/client.ts';
import { RepairAnswer } from '../../contract/local-api.ts';
import { Fault } from '../../contract/problem.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { withProgress } from '../progress.ts';
import type { Run } from '../run.ts';
import { outView, print, printJson, type Terminal } from '../terminal.ts';
import { WORDS } from '../words.ts';

interface Options {
  json?: boolean;
}

type Answer = z.infer<typeof RepairAnswer>;

export function addRepair(program: Command, run: Run): void {
  program
    .command('repair')
    .description('as root: take everything of Culvert off this computer, with or without culvertd')
    .option('--json', 'what was taken back, and what is still there, as JSON')
    .action((options: Options) => run(options, (terminal) => repair(terminal, options)));
}

async function repair(terminal: Terminal, { json }: Options): Promise<ExitCode> {
  const { language } = outView(terminal);
  const words = WORDS[language];
  const answer = await withProgress(terminal, words.working, askOrDo(terminal));
  if (json) printJson(terminal, answer);
  else print(terminal, linesOf(answer, words));
  return answer.kept.length === 0 ? EXIT.done : EXIT.failed;
}

async function askOrDo(terminal: Terminal): Promise<Answer> {
  try {
    return await terminal.client.repair();
  } catch (cause) {
    if (problemOfCall(cause).code !== 'daemon-not-running') throw cause;
    if (process.getuid?.() !== 0) throw new Fault('not-root', { program: 'culvert repair' });
    return await repairAlone(terminal.environment);
  }
}

/** The daemon's own program knows the ledger. Its environment is ours, so that CULVERT_STATE means the same to both. */
function repairAlone(environment: NodeJS.ProcessEnv): Promise<Answer> {
  const culvertd = daemonProgram();
  return new Promise((resolve, reject) => {
    const child = spawn(culvertd, ['--repair'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: environment,
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    child.once('error', reject);
    child.once('close', () => {
      const answer = RepairAnswer.safeParse(parse(text));
      if (answer.success) resolve(answer.data);
      else reject(new Fault('undo-refused', { reason: 'culvertd --repair did not finish' }));
    });
  });
}

/** Installed beside us; in a checkout as seen from this file, and from the bundle of it. Never by the path. */
function daemonProgram(): string {
  const places = ['./bin/culvertd', '../../bin/culvertd', '../../app/bin/culvertd'];
  const programs = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return programs.find((program) => existsSync(program)) ?? '/usr/lib/culvert/bin/culvertd';
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function linesOf({ undone, kept }: Answer, words: (typeof WORDS)['en']): string[] {
  if (undone.length === 0 && kept.length === 0) return [words.nothingToRepair];
  return [
    ...undone.map((each) => `${words.undone}: ${each}`),
    ...kept.map((each) => `${words.kept}: ${each}`),
  ];
}
