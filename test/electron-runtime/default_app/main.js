// What the runtime runs when no app is packaged into it: start the app that the command line names, the way
// `electron .` does. Differences from the stock default app are meant for unattended runs: errors go to stderr
// and exit 1 (no dialog that nobody can close), and there is no welcome window, URL loading or REPL.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import v8 from 'node:v8';
import { app } from 'electron';

const require = createRequire(import.meta.url);

const usage = `Electron ${process.versions.electron} (test runtime)

usage: electron [options] path [args...]

  path                  a folder with a package.json or index.js, a script file, or an .asar archive
  -r, --require MODULE  load MODULE before the app (may be repeated)
  -v, --version         print Electron's version
  -a, --abi             print the Node ABI version
  -h, --help            print this

Chromium's and Node's switches (--no-sandbox, --inspect=0, ...) go before or after the path.
`;

/** Options are read up to the path; whatever follows it belongs to the app. */
function parse(argv) {
  const command = { preload: [], print: undefined, target: undefined };
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i];
    if (arg === '-r' || arg === '--require') {
      command.preload.push(argv[++i]);
    } else if (arg === '-v' || arg === '--version') {
      return { ...command, print: `v${process.versions.electron}\n` };
    } else if (arg === '-a' || arg === '--abi') {
      return { ...command, print: `${process.versions.modules}\n` };
    } else if (arg === '-h' || arg === '--help') {
      return { ...command, print: usage };
    } else if (arg.startsWith('--app=')) {
      return { ...command, target: arg.slice('--app='.length) };
    } else if (!arg.startsWith('-')) {
      return { ...command, target: arg };
    }
  }
  return command;
}

function fail(...lines) {
  console.error(...lines);
  process.exit(1);
}

/** Takes over the identity that the app's package.json states. */
function adopt(manifest) {
  const name = manifest.productName ?? manifest.name;
  if (manifest.version) app.setVersion(manifest.version);
  if (name) app.setName(name);
  app.setDesktopName?.(manifest.desktopName ?? `${app.getName()}.desktop`);
  if (manifest.v8Flags) v8.setFlagsFromString(manifest.v8Flags);
}

async function run(target) {
  Object.defineProperty(process, 'defaultApp', { value: true, enumerable: true });

  const root = path.resolve(target);
  const manifestPath = path.join(root, 'package.json');
  const hasManifest = existsSync(manifestPath);
  if (hasManifest) {
    try {
      adopt(JSON.parse(readFileSync(manifestPath, 'utf8')));
    } catch (error) {
      fail(`electron: cannot use ${manifestPath}:`, error.message);
    }
  }

  let entry;
  try {
    entry = require.resolve(root);
  } catch (error) {
    fail(`electron: cannot find an app at ${root}:`, error.message);
  }
  app.setAppPath(hasManifest ? root : path.dirname(entry));

  try {
    await import(pathToFileURL(entry).href);
  } catch (error) {
    fail(`electron: the app threw while loading (${entry}):\n`, error);
  }
}

const command = parse(process.argv.slice(1));
if (command.print !== undefined) {
  process.stdout.write(command.print);
  process.exit(0);
}
if (command.target === undefined) fail(usage);

const requireFromHere = createRequire(path.join(process.cwd(), 'noop.js'));
for (const module of command.preload) requireFromHere(module);

// Awaited at the top level, so that `ready` is not emitted before the app's own code is loaded.
await run(command.target);
