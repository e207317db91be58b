/**
 * `npm run soundness -- [--minutes N]`: Miri over what has `unsafe` and needs no system call, then ThreadSanitizer over
 * the tunnel's threads: once over those of `core`'s tests that start some, and line 44 again for N minutes (10). Both need one
 * nightly compiler, which this does not fetch; where it is not there, the command that does is printed.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const NATIVE = join(import.meta.dirname, '..');
/** A date, so that what passes today passes tomorrow. */
const COMPILER = 'nightly-2026-05-20';
const INSTALL = `rustup toolchain install ${COMPILER} --profile minimal -c miri -c rust-src`;
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

function main(): number {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) {
    console.error('usage: npm run soundness -- [--minutes N]');
    return 2;
  }
  if (!isInstalled()) {
    console.error(
      `${COMPILER} with Miri and the standard library's source is not here. Run this once:\n\n    ${INSTALL}`,
    );
    return 1;
  }
  return miri() || races() || repeated(minutes);
}

function isInstalled(): boolean {
  const asked = spawnSync('cargo', [`+${COMPILER}`, 'miri', '--version'], { stdio: 'ignore' });
  const listed = spawnSync('rustup', ['component', 'list', '--toolchain', COMPILER, '--installed']);
  return asked.status === 0 && String(listed.stdout).includes('rust-src');
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
    const outcome = underThreadSanitizer(['line_44', '--', '--quiet']);
    if (outcome !== 0) {
      return outcome;
    }
    runs += 1;
  }
  console.log(`line 44: ${String(runs)} more runs under ThreadSanitizer, no race`);
  return 0;
}

function underThreadSanitizer(words: string[]): number {
  const build = ['-q', '-Zbuild-std', '--target', target(), '--target-dir', SANITIZER_FOLDER];
  return cargo(['test', ...build, '-p', 'culvert-core', '--lib', ...words], {
    RUSTFLAGS: '-Zsanitizer=thread',
  });
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
