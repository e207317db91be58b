/**
 * `npm run fuzz -- <target> [--minutes N]`, or `--all` for each in turn, N minutes each: libFuzzer on the stable compiler. New inputs go to a work folder first; of
 * those, what reaches code that the committed corpus does not is merged into it.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readCommand, refuse } from './command.ts';

const FUZZ = import.meta.dirname;
const WORK = join(FUZZ, '../target/fuzz');
/** Longer inputs find little and make the replay slow. */
const LONGEST_INPUT_BYTES = 4096;

/** Targets that read what another one's corpus holds. Every other target has a folder of its own name. */
const CORPUS_OF = new Map([['uapi_lines', 'uapi']]);

function main(): number {
  const known = [...readdirSync(join(FUZZ, 'corpus')), ...CORPUS_OF.keys()].toSorted();
  const usage = `npm run fuzz -- (TARGET… | --all) [--minutes N]\ntargets: ${known.join(', ')}`;
  const { values, positionals } = readCommand(
    {
      options: { all: { type: 'boolean' }, minutes: { type: 'string', default: '10' } },
      allowPositionals: true,
    },
    usage,
  );
  const minutes = Number(values.minutes);
  const chosen = values.all ? known : positionals;
  const stranger = chosen.find((target) => !known.includes(target));
  if (chosen.length === 0) return refuse('It takes a target, or --all.', usage);
  if (stranger !== undefined) return refuse(`There is no target ${stranger}.`, usage);
  if (!(minutes > 0))
    return refuse(`--minutes takes a number above 0, not ${values.minutes}.`, usage);
  return build() || growEach(chosen, minutes);
}

/** A fault in one of them keeps no other from its turn. */
function growEach(targets: string[], minutes: number): number {
  const failed = targets.filter((target) => grow(target, minutes) !== 0);
  if (failed.length > 0) {
    console.error(`not grown: ${failed.join(', ')}`);
  }
  return failed.length > 0 ? 1 : 0;
}

function build(): number {
  const options = ['--profile', 'fuzz', '--features', 'grow', '--bin', 'grow'];
  return run('cargo', ['build', '-p', 'culvert-fuzz', ...options, '--target-dir', WORK], {
    RUSTC_WORKSPACE_WRAPPER: join(FUZZ, 'instrumented-rustc.sh'),
  });
}

function grow(target: string, minutes: number): number {
  const [corpus, found, faults] = [
    join(FUZZ, 'corpus', CORPUS_OF.get(target) ?? target),
    join(WORK, 'found', target),
    join(WORK, 'faults', target),
  ];
  for (const folder of [found, faults]) mkdirSync(folder, { recursive: true });
  const program = join(WORK, 'fuzz/grow');
  const environment = { CULVERT_FUZZ_TARGET: target };
  const general = [
    `-artifact_prefix=${faults}/`,
    `-max_len=${LONGEST_INPUT_BYTES}`,
    '-timeout=20',
    '-rss_limit_mb=2048',
  ];
  const time = `-max_total_time=${Math.round(minutes * 60)}`;
  const outcome = run(program, [...general, time, found, corpus], environment);
  if (outcome !== 0) {
    console.error(
      `\n${target}: a fault. The input is in ${faults}; put it into ${corpus} under a name that ` +
        'tells the fault, and `cargo test -p culvert-fuzz` repeats it.',
    );
    return 1;
  }
  // Counters would keep an input for every number of rounds of every loop.
  return run(program, [...general, '-merge=1', '-use_counters=0', corpus, found], environment);
}

function run(program: string, args: string[], environment: Record<string, string>): number {
  const env = { ...process.env, ...environment };
  const outcome = spawnSync(program, args, { cwd: join(FUZZ, '..'), stdio: 'inherit', env });
  if (outcome.error) {
    console.error(`${program} can not be started: ${outcome.error.message}`);
  }
  return outcome.status ?? 1;
}

process.exitCode = main();
