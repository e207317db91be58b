/** All checks and tests, one after the other; ends with `N passed, N failed`. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { runInForeground } from './foreground.mjs';
import { watchRun } from './left-behind.mjs';
import { cache, root } from './places.mjs';

const cargo = ['--manifest-path', 'native/Cargo.toml', '--workspace', '--locked'];
const suites = [
  check('formatter and linter', ['biome', 'check', '.']),
  check('types', ['tsc', '-b']),
  check('promises', ['oxlint', '--type-aware', '--quiet']),
  check('rustfmt', ['cargo', 'fmt', '--manifest-path', 'native/Cargo.toml', '--all', '--check']),
  check('clippy', [
    'cargo',
    'clippy',
    ...cargo,
    '--all-targets',
    '--quiet',
    '--',
    '-D',
    'warnings',
  ]),
  {
    name: 'cargo test',
    argv: ['cargo', 'test', ...cargo, '--quiet', '--no-fail-fast'],
    count: countCargo,
  },
  vitest('unit'),
  vitest('lab'),
  vitest('ui'),
];

const wanted = process.argv.slice(2);
const chosen = wanted.length === 0 ? suites : suites.filter((suite) => wanted.includes(suite.name));
if (chosen.length === 0) {
  console.error(
    `There is no such suite. There are: ${suites.map((suite) => suite.name).join(', ')}`,
  );
  process.exit(2);
}

const total = { passed: 0, failed: 0 };
const watched = watchRun('test');
let isInterrupted = false;
for (const suite of chosen) {
  if (isInterrupted) break;
  const started = Date.now();
  console.log(`\n=== ${suite.name}`);
  const { code, output } = await run(suite.argv);
  const counted = suite.count(code, output);
  // A suite that ended badly without a failed test (a crash, no test found) has failed all the same.
  if (code !== 0 && counted.failed === 0) counted.failed = 1;
  total.passed += counted.passed;
  total.failed += counted.failed;
  console.log(
    `=== ${suite.name}: ${counted.passed} passed, ${counted.failed} failed, ${((Date.now() - started) / 1000).toFixed(0)} s`,
  );
}
const left = await watched.end();
for (const thing of left) console.log(`left behind: ${thing}`);
if (left.length > 0) total.failed++;
else if (!isInterrupted) total.passed++;
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 && total.passed > 0 && !isInterrupted ? 0 : 1);

function check(name, argv) {
  return {
    name,
    argv,
    count: (code) => (code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }),
  };
}

function vitest(project) {
  const report = path.join(cache, `vitest-${project}.json`);
  const argv = [
    'vitest',
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  return {
    name: project,
    argv,
    count: () => {
      try {
        const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(
          readFileSync(report, 'utf8'),
        );
        return {
          passed: numPassedTests,
          failed: Math.max(numFailedTests, numFailedTestSuites > 0 ? 1 : 0),
        };
      } catch {
        return { passed: 0, failed: 1 };
      } finally {
        rmSync(report, { force: true });
      }
    },
  };
}

function countCargo(_code, output) {
  const counted = { passed: 0, failed: 0 };
  for (const [, passed, failed] of output.matchAll(
    /^test result: \w+\. (\d+) passed; (\d+) failed/gm,
  )) {
    counted.passed += Number(passed);
    counted.failed += Number(failed);
  }
  return counted;
}

async function run(argv) {
  mkdirSync(cache, { recursive: true });
  const env = { ...process.env, ...watched.env };
  let output = '';
  const ended = await runInForeground(
    argv,
    { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] },
    (child) => {
      for (const [from, to] of [
        [child.stdout, process.stdout],
        [child.stderr, process.stderr],
      ]) {
        from?.on('data', (chunk) => {
          output += chunk.toString();
          to.write(chunk);
        });
      }
    },
  );
  isInterrupted = ended.isInterrupted;
  return { code: ended.code, output };
}
