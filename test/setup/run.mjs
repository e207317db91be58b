/**
 * What `npm run demo`, `npm test`, `npm run bench` and `npm run setup` call. Plain JavaScript without packages, for whatever Node is
 * there (18 or newer): it puts everything else in place first, Node 24 included, and says what it does.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { buildPhases } from './builds.mjs';
import { ensurePackages } from './debian.mjs';
import { runInForeground } from './foreground.mjs';
import { watchRun } from './left-behind.mjs';
import { Refusal, runPhases } from './phases.mjs';
import { root } from './places.mjs';
import { ensureModules, ensureRust } from './toolchain.mjs';

/** When the person pressed Enter, as far as this process can know it; in Unix ms. */
const startedAt = Date.now() - Math.round(process.uptime() * 1000);

const commands = {
  demo: { for: 'demo', script: ['test/demo/main.ts'] },
  test: { for: 'test', script: ['test/setup/all-tests.mjs'] },
  bench: { for: 'bench', script: ['test/bench/main.ts'] },
  interop: { for: 'bench', script: ['test/interop/main.ts'] },
  kernel: { for: 'bench', script: ['test/interop/in-vm.ts'] },
  soak: { for: 'bench', script: ['test/soak/main.ts'] },
  setup: { for: 'setup', script: undefined },
};

const [name = '', ...rest] = process.argv.slice(2);
const command = commands[name];
if (!command) {
  console.error(`usage: node test/setup/run.mjs ${Object.keys(commands).join('|')}`);
  process.exit(2);
}

try {
  await runPhases([
    { title: 'Debian packages', run: (say) => ensurePackages(command.for, name, say) },
    { title: 'Rust compiler', run: ensureRust },
    { title: 'npm packages and Node 24', run: ensureModules },
    ...buildPhases(command.for),
  ]);
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(`\n${error.message}`);
  process.exit(1);
}

if (command.script) {
  const node = path.join(root, 'node_modules/.bin/node');
  if (!existsSync(node)) {
    console.error(
      `There is no Node 24 for ${process.platform}-${process.arch} among the npm packages. Install Node 24.15 or newer and run: node ${command.script.join(' ')}`,
    );
    process.exit(1);
  }
  process.exit(await runCommand(node));
}

async function runCommand(node) {
  // The tests look by themselves, and count it.
  const run = name === 'test' ? undefined : watchRun(name);
  const { code } = await runInForeground([node, ...command.script, ...rest], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      ...run?.env,
      CULVERT_STARTED_AT: String(startedAt),
      PATH: `${path.join(root, 'node_modules/.bin')}:${process.env.PATH ?? ''}`,
    },
  });
  const left = (await run?.end()) ?? [];
  for (const thing of left) console.error(`left behind: ${thing}`);
  return code === 0 && left.length > 0 ? 1 : code;
}
