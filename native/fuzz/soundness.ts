/**
 * `npm run soundness -- [--minutes N] [--only PART]`: Miri over what has `unsafe` and needs no system call, then ThreadSanitizer over
 * the tunnel's threads (`core`'s tests that start some, and line 44 again for N minutes) and over those of the engine in each of its
 * roles, under traffic, while peers and configurations change, N minutes (10) in all. As root, for the engines run on hosts of their own.
 * All of it needs one nightly compiler, which this does not fetch; where it is not there, what to do is printed.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readCommand, refuse } from './command.ts';

const NATIVE = join(import.meta.dirname, '..');
/** A date, so that what passes today passes tomorrow. */
const COMPILER = 'nightly-2026-05-20';
const MISSING = `${COMPILER} with Miri and the standard library's source is not here. Run this once (1 GB, by rustup of https://rustup.rs):

    rustup toolchain install ${COMPILER} --profile minimal -c miri -c rust-src

Where that can not be fetched, run it on a machine of the same kind that can, copy its folder (\`rustup show home\`) and say where it
is: RUSTUP_HOME=/the/copy npm run soundness`;
/** Miri's and the sanitizer's libraries are no others': each builds into its own folder. */
const MIRI_FOLDER = 'target/miri';
const SANITIZER_FOLDER = 'target/thread-sanitizer';

/** A sanitizer needs the target said, even where it is this machine's own. */
const TARGET = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-unknown-linux-gnu`;
const SANITIZER = { RUSTFLAGS: '-Zsanitizer=thread' };
const SANITIZER_BUILD = ['-Zbuild-std', '--target', TARGET, '--target-dir', SANITIZER_FOLDER];
const CORE = ['-p', 'culvert-core', '--lib'];

/**
 * Packages, and which of their tests: what reads and writes memory as C structures, and the arithmetic beside the vector
 * instructions. `netstack`'s other tests open sockets, `aead`'s others call `ring`, which is C.
 */
const UNDER_MIRI = new Map([
  ['culvert-udp', ''],
  ['culvert-tun', ''],
  ['culvert-netstack', 'socket_calls'],
  ['culvert-x25519', ''],
  ['culvert-aead', 'residue'],
]);

/** Of 256: Miri is a thousand times slower than the processor. */
const CASES_UNDER_MIRI = '2';

/** The unit tests of `core` that start threads. */
const RACES: string[] = ['line_44', 'line_32_a_prefix_that_moves'];
const TELLING_MILLISECONDS = 15_000;
/** A kilobyte for each of a few hundred packages and their targets. */
const LONGEST_LIST_BYTES = 2 ** 24;

/** The engine's tests in which it runs beside traffic that does not rest. */
const COMMOTION = 'commotion';
/** How many such tests there are: they share the time. */
const ENGINE_SCENES = 4;

const PARTS: Record<string, (minutes: number) => number> = {
  miri,
  core: (minutes) => races() || repeated(minutes),
  engine,
};
const USAGE = `npm run soundness -- [--minutes N] [--only ${Object.keys(PARTS).join(' | ')}]`;

function main(): number {
  const { values } = readCommand(
    { options: { minutes: { type: 'string', default: '10' }, only: { type: 'string' } } },
    USAGE,
  );
  const minutes = Number(values.minutes);
  const parts = values.only === undefined ? Object.keys(PARTS) : [values.only];
  if (!(minutes > 0))
    return refuse(`--minutes takes a number above 0, not ${values.minutes}.`, USAGE);
  if (!parts.every((part) => part in PARTS))
    return refuse(`There is no ${values.only} for --only.`, USAGE);
  if (!isInstalled()) {
    console.error(MISSING);
    return 1;
  }
  return inTurn(parts, minutes);
}

/** Each says for itself how it ended and how long it took; one that fails keeps no other from its turn. */
function inTurn(parts: string[], minutes: number): number {
  return allOf(parts, (part) => PARTS[part]?.(minutes) ?? 1);
}

function allOf(names: string[], run: (name: string) => number): number {
  const verdicts = names.map((name) => {
    const start = Date.now();
    const outcome = run(name);
    const seconds = Math.round((Date.now() - start) / 1000);
    return { outcome, sentence: `${outcome === 0 ? 'ok    ' : 'FAILED'} ${name}: ${seconds} s` };
  });
  for (const { sentence } of verdicts) console.log(sentence);
  return verdicts.every(({ outcome }) => outcome === 0) ? 0 : 1;
}

/** Asked so that a rustup that fetches compilers by itself does not, unseen and without what is needed. */
function isInstalled(): boolean {
  const env = { ...process.env, RUSTUP_AUTO_INSTALL: '0' };
  const words = ['component', 'list', '--toolchain', COMPILER, '--installed'];
  const listed = String(spawnSync('rustup', words, { env }).stdout);
  return ['miri', 'rust-src'].every((component) => listed.includes(component));
}

function miri(): number {
  return allOf([...UNDER_MIRI.keys()], (name) => {
    const tests = ['miri', 'test', '--target-dir', MIRI_FOLDER, '-p', name, '--lib'];
    const chosen = UNDER_MIRI.get(name) ?? '';
    const shown = ['-Zunstable-options', '--report-time', chosen];
    return passed([chosen], [...tests, '--', ...shown], {
      // Proptest looks for a file of old failures, which Miri lets it do only when asked.
      MIRIFLAGS: '-Zmiri-disable-isolation',
      PROPTEST_CASES: CASES_UNDER_MIRI,
    });
  });
}

function races(): number {
  return passed(RACES, ['test', ...SANITIZER_BUILD, ...CORE, '--', ...RACES], SANITIZER);
}

/** With at least one test of each name, for cargo is content with none. What the tests say comes when they have ended. */
function passed(names: string[], words: string[], environment: Record<string, string>): number {
  const run = cargo(words, environment, 'pipe');
  const lines = run.stdout.split('\n').filter((line) => /^test .* ok\b/u.test(line));
  const absent = names.filter((name) => !lines.some((line) => line.includes(name)));
  process.stdout.write(run.stdout);
  for (const name of absent) {
    console.error(`of the tests called "${name}" none has passed: is there none any more?`);
  }
  return absent.length > 0 ? 1 : run.status;
}

/** Chance decides which thread comes first, so one run says little. Without cargo, which takes longer to start than the test to run. */
function repeated(minutes: number): number {
  const program = coreTests();
  if (program === undefined) {
    console.error('line 44: cargo made no program of the tests of core; it says above why');
    return 1;
  }
  const end = Date.now() + minutes * 60_000;
  let tellAt = Date.now() + TELLING_MILLISECONDS;
  for (let runs = 1; Date.now() < end; runs += 1) {
    if (!passes(program)) {
      return 1;
    }
    if (Date.now() > tellAt || Date.now() >= end) {
      tellAt += TELLING_MILLISECONDS;
      const left = Math.max(0, Math.round((end - Date.now()) / 1000));
      console.log(`line 44: ${String(runs)} more runs, no race; ${String(left)} s left`);
    }
  }
  return 0;
}

/** A name that no test has would pass, too, so the one is counted. */
function passes(program: string): boolean {
  const run = spawnSync(program, ['line_44'], { encoding: 'utf8' });
  const isGood = run.status === 0 && run.stdout.includes('\ntest result: ok. 1 passed');
  if (!isGood) console.error(`${run.stdout}${run.stderr}line 44: this run failed`);
  return isGood;
}

/** Where cargo put the program that it has just built; it says so in JSON, a line for each thing that it made. */
function coreTests(): string | undefined {
  const words = ['test', ...SANITIZER_BUILD, ...CORE, '--no-run', '--message-format', 'json'];
  const built = spawnSync('cargo', [`+${COMPILER}`, ...words], {
    cwd: NATIVE,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...SANITIZER },
    maxBuffer: LONGEST_LIST_BYTES,
  });
  const programs = String(built.stdout).matchAll(/"executable":"([^"]+)"/gu);
  return [...programs].map(([, path]) => path).at(-1);
}

/** The time that is asked for is divided among the scenes, which run one after the other. */
function engine(minutes: number): number {
  const scenes = ['-p', 'culvert-engine', '--test', COMMOTION, '--', '--test-threads', '1'];
  const seconds = String(Math.ceil((minutes * 60) / ENGINE_SCENES));
  const environment = { ...SANITIZER, CULVERT_COMMOTION_SECONDS: seconds };
  return cargo(['test', ...SANITIZER_BUILD, ...scenes], environment, 'inherit').status;
}

function cargo(words: string[], environment: Record<string, string>, stdout: 'pipe' | 'inherit') {
  console.log(`cargo ${words.join(' ')}`);
  const outcome = spawnSync('cargo', [`+${COMPILER}`, ...words], {
    cwd: NATIVE,
    stdio: ['inherit', stdout, 'inherit'],
    env: { ...process.env, ...environment },
    maxBuffer: LONGEST_LIST_BYTES,
  });
  return { status: outcome.status ?? 1, stdout: String(outcome.stdout ?? '') };
}

process.exitCode = main();
