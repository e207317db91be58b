import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';

const repository = path.join(import.meta.dirname, '..');

test.each([
  ['test/demo/main.ts', ['--bogus'], "Unknown option '--bogus'", 'npm run demo'],
  ['test/demo/main.ts', ['--json'], "Option '--json <value>' argument missing", 'npm run demo'],
  ['test/soak/main.ts', ['--minutes', 'ten'], '--minutes takes a number above 0, not "ten".', ''],
  ['test/soak/main.ts', ['--virtual', '--hours', '0'], '--hours takes a number above 0', ''],
  ['test/interop/main.ts', ['--with', 'nobody'], 'There is no nobody for --with.', ''],
  ['test/interop/in-vm.ts', ['--minutes', '-1'], "Option '--minutes' argument is ambiguous.", ''],
  ['native/fuzz/soundness.ts', ['--bogus'], "Unknown option '--bogus'", 'npm run soundness'],
  ['native/fuzz/soundness.ts', ['--only', 'all'], 'There is no all for --only.', 'miri | core'],
  ['native/fuzz/fuzz.ts', ['--all', '--minutes', 'x'], '--minutes takes a number above 0', ''],
  ['native/fuzz/fuzz.ts', ['nothing'], 'There is no target nothing.', 'netstack_shards'],
  ['native/fuzz/fuzz.ts', [], 'It takes a target, or --all.', 'npm run fuzz'],
])('%s %j is refused in words before anything is done', (script, argv, sentence, usage) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...argv], {
    cwd: repository,
    encoding: 'utf8',
  });

  expect(stderr).toMatch(/^[^\n]+\nusage: npm run [^\n]+\n(?:targets: [^\n]+\n)?$/);
  expect(stderr).toContain(sentence);
  expect(stderr).toContain(usage);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
});
