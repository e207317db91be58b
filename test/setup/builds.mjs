/** What is compiled or bundled before anything runs, each only when its sources changed. */
import { copyFileSync, renameSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { runLogged } from './phases.mjs';
import { cache, root } from './places.mjs';
import { whenChanged } from './stamp.mjs';

const node = path.join(root, 'node_modules/.bin/node');
const bin = (name) => path.join(root, 'node_modules/.bin', name);
const contracts = ['gateway/contract', 'app/contract'];

/** @param {'setup' | 'demo' | 'test' | 'bench'} purpose */
export function buildPhases(purpose) {
  const engine = { title: 'Engine (Rust, the first time takes some minutes)', run: buildEngine };
  const load = { title: 'What loads engines (Rust)', run: buildLoad };
  if (purpose === 'bench') return [engine, load];
  const phases = [
    engine,
    { title: 'Connector bundle', run: buildConnector },
    { title: 'Device bundles', run: buildDevice },
    { title: 'Dashboard', run: buildDashboard },
  ];
  if (purpose === 'demo') return phases;
  phases.push({ title: 'Tray app', run: buildDesktop });
  if (purpose === 'setup') return phases;
  return [...phases, load, { title: 'Electron runtime for tests', run: prepareElectron }];
}

async function buildEngine(say) {
  const target = path.join(root, 'native/target/release');
  let compiled = 0;
  await runLogged(
    'cargo-build',
    [
      'cargo',
      'build',
      '--release',
      '--locked',
      '--manifest-path',
      'native/Cargo.toml',
      '-p',
      'culvert-engine',
      '-p',
      'culvert-peercred',
    ],
    {
      onLine: (line) => {
        const crate = /^\s*Compiling (\S+)/.exec(line);
        if (crate) say(`crate ${++compiled}: ${crate[1]}`);
      },
    },
  );
  // Renamed into place: a running daemon keeps the file it has mapped.
  const addon = path.join(root, 'native/peercred/peercred.node');
  copyFileSync(path.join(target, 'libculvert_peercred.so'), `${addon}.new`);
  renameSync(`${addon}.new`, addon);
  return compiled > 0 ? 'built' : 'unchanged';
}

/** Not with the engine: nobody who only uses it needs this. */
async function buildLoad() {
  const manifest = ['--manifest-path', 'native/Cargo.toml'];
  await runLogged('cargo-load', [
    'cargo',
    'build',
    '--release',
    '--locked',
    ...manifest,
    '-p',
    'culvert-load',
  ]);
}

async function buildConnector() {
  return await whenChanged(
    'connector',
    [...contracts, 'gateway/connector', 'gateway/trust', 'native/client', 'native/wg'],
    ['build/connector/culvert-connector.mjs'],
    () => runLogged('connector-bundle', [node, 'gateway/connector/bundle.ts']),
  );
}

async function buildDevice() {
  const sources = ['app/bundle.ts', 'app/cli', 'app/client', 'app/daemon', 'app/peer'];
  const outputs = ['build/app/culvert.mjs', 'build/app/culvertd.mjs'];
  const outcome = await whenChanged(
    'device',
    [...contracts, ...sources, 'gateway/trust', 'native/client', 'native/wg'],
    outputs,
    () => runLogged('device-bundles', [node, 'app/bundle.ts']),
  );
  // The installer and the wrappers look at times: a checkout moved to and fro has new ones without a change.
  const now = new Date();
  for (const output of outputs) utimesSync(path.join(root, output), now, now);
  return outcome;
}

async function buildDashboard() {
  return await whenChanged(
    'dashboard',
    [...contracts, 'gateway/dashboard'],
    ['gateway/dashboard/dist/index.html'],
    () => runLogged('dashboard', [node, bin('vite'), 'build', 'gateway/dashboard']),
  );
}

async function buildDesktop() {
  return await whenChanged(
    'desktop',
    [...contracts, 'app/client', 'app/desktop'],
    ['app/desktop/out/main/index.js'],
    () => runLogged('desktop', [node, bin('electron-vite'), 'build', 'app/desktop']),
  );
}

async function prepareElectron() {
  await runLogged('electron-runtime', ['bash', 'test/electron-runtime/prepare'], {
    env: { ELECTRON_RUNTIME_DIR: path.join(cache, 'electron-runtime') },
  });
}
