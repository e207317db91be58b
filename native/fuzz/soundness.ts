/**
 * `npm run soundness -- [--minutes N] [--only PART]`: Miri over what has `unsafe` and needs no system call, then ThreadSanitizer over
 * the tunnel's threads (`core`'s tests that start some, and line 44 again for N minutes) and over those of the engine in each of its
 * roles, under traffic, while peers and configurations change, N minutes (10) in all. As root, for the engines run on hosts of their own.
 * All of it needs one nightly compiler, which this does not fetch; where it is not there, what to do is printed.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

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

/**
 * Packages, and which of their tests: what reads and writes memory as C structures, and the arithmetic beside the vector
 * instructions. `netstack`'s other tests open sockets, `aead`'s others call `ring`, which is C.
 */
const UNDER_MIRI: [string, string][] = [
  ['culvert-udp', ''],
  ['culvert-tun', ''],
  ['culvert-netstack', 'socket_calls'],
  ['culvert-x25519', ''],
  ['culvert-aead', 'residue'],
];

/** Of 256: Miri is a thousand times slower than the processor. */
const CASES_UNDER_MIRI = '2';

/** The unit tests of `core` that start threads. */
const RACES: string[] = ['line_44', 'line_32_a_prefix_that_moves'];

/** The engine's tests in which it runs beside traffic that does not rest. */
const COMMOTION = 'commotion';
/** How many such tests there are: they share the time. */
const ENGINE_SCENES = 4;

const PARTS: Record<string, (minutes: number) => number> = {
  miri,
  core: (minutes) => races() || repeated(minutes),
  engine,
};

function main(): number {
  const { values } = parseArgs({
    options: { minutes: { type: 'string', default: '10' }, only: { type: 'string' } },
  });
  const minutes = Number(values.minutes);
  const parts = values.only === undefined ? Object.keys(PARTS) : [values.only];
  if (!(minutes > 0) || !parts.every((part) => part in PARTS)) {
    const known = Object.keys(PARTS).join(' | ');
    console.error(`usage: npm run soundness -- [--minutes N] [--only ${known}]`);
    return 2;
  }
  if (!isInstalled()) {
    console.error(MISSING);
    return 1;
  }
  return inTurn(parts, minutes);
}

/** Each says for itself how it ended and how long it took; one that fails keeps no other from its turn. */
function inTurn(parts: string[], minutes: number): number {
  const verdicts = parts.map((part) => {
    const start = Date.now();
    const outcome = PARTS[part]?.(minutes) ?? 1;
    const seconds = Math.round((Date.now() - start) / 1000);
    return { outcome, sentence: `${outcome === 0 ? 'ok    ' : 'FAILED'} ${part}: ${seconds} s` };
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
  for (const [name, filter] of UNDER_MIRI) {
    const tests = ['test', '--target-dir', MIRI_FOLDER, '-p', name, '--lib', filter];
    const outcome = cargo(['miri', ...tests.filter((word) => word !== '')], {
      // Proptest looks for a file of old failures, which Miri lets it do only when asked.
      MIRIFLAGS: '-Zmiri-disable-isolation',
      PROPTEST_CASES: CASES_UNDER_MIRI,
    });
    if (outcome !== 0) {
      return outcome;
    }
  }
  return 0;
}

function races(): number {
  return underThreadSanitizer(['--', ...RACES]);
}

/** Chance decides which thread comes first, so one run says little. */
function repeated(minutes: number): number {
  const end = Date.now() + minutes * 60_000;
  let runs = 0;
  while (Date.now() < end) {
    const outcome = underThreadSanitizer(['line_44']);
    if (outcome !== 0) {
      return outcome;
    }
    runs += 1;
  }
  console.log(`line 44: ${String(runs)} more runs under ThreadSanitizer, no race`);
  return 0;
}

/** The time that is asked for is divided among the scenes, which run one after the other. */
function engine(minutes: number): number {
  const scenes = ['-p', 'culvert-engine', '--test', COMMOTION, '--', '--test-threads', '1'];
  return sanitized(scenes, {
    CULVERT_COMMOTION_SECONDS: String(Math.ceil((minutes * 60) / ENGINE_SCENES)),
  });
}

function underThreadSanitizer(words: string[]): number {
  return sanitized(['-p', 'culvert-core', '--lib', ...words], {});
}

function sanitized(words: string[], environment: Record<string, string>): number {
  const build = ['-q', '-Zbuild-std', '--target', target(), '--target-dir', SANITIZER_FOLDER];
  return cargo(['test', ...build, ...words], { RUSTFLAGS: '-Zsanitizer=thread', ...environment });
}

/** A sanitizer needs the target said, even where it is this machine's own. */
function target(): string {
  return process.arch === 'arm64' ? 'aarch64-unknown-linux-gnu' : 'x86_64-unknown-linux-gnu';
}

function cargo(words: string[], environment: Record<string, string>): number {
  const env = { ...process.env, ...environment };
  console.log(`cargo ${words.join(' ')}`);
  const outcome = spawnSync('cargo', [`+${COMPILER}`, ...words], {
    cwd: NATIVE,
    stdio: 'inherit',
    env,
  });
  return outcome.status ?? 1;
}

process.exitCode = main();
