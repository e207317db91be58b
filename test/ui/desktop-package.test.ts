/** The app as it is installed: packaged, its fuses blown, and what they promise tried on the running program. */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Service } from '../lab/command.ts';
import { succeed } from '../lab/command.ts';
import { eventually } from '../lab/eventually.ts';
import { type Host, repository } from '../lab/host.ts';
import { Lab } from '../lab/lab.ts';
import { electronExecutable, SCREEN_ENVIRONMENT, startScreen } from '../world/desktop.ts';
import { Device } from '../world/device.ts';
import { worldTopology } from '../world/topology.ts';

const output = path.join(repository, '.cache/desktop-package');
const folder = path.join(output, 'linux-unpacked');
const installed = '/opt/culvert/.cache/desktop-package/linux-unpacked/culvert-desktop';

let lab: Lab;
let laptop: Host;

beforeAll(async () => {
  const runtime = path.dirname(await electronExecutable());
  await rm(output, { recursive: true, force: true });
  const builder = path.join(repository, 'node_modules/.bin/electron-builder');
  const version = (await readFile(path.join(runtime, 'version'), 'utf8')).trim();
  const settings = [
    `electronVersion=${version}`,
    `electronDist=${runtime}`,
    `directories.output=${output}`,
  ];
  await succeed([builder, '--linux', 'dir', ...settings.map((setting) => `-c.${setting}`)], {
    cwd: repository,
    timeoutMs: 100_000,
  });
  lab = await Lab.build({ segments: ['home'], hosts: { laptop: homeLaptop() } });
  laptop = lab.host('laptop');
  await Device.install(laptop);
  await startScreen(laptop);
});
afterAll(async () => {
  await lab?.stop();
  await rm(output, { recursive: true, force: true });
});

test('the fuses, read back from the executable', async () => {
  const wire = await getCurrentFuseWire(path.join(folder, 'culvert-desktop'));
  const [off, on] = ['0'.charCodeAt(0), '1'.charCodeAt(0)];
  expect(wire).toMatchObject({
    [FuseV1Options.RunAsNode]: off,
    [FuseV1Options.EnableCookieEncryption]: on,
    [FuseV1Options.EnableNodeOptionsEnvironmentVariable]: off,
    [FuseV1Options.EnableNodeCliInspectArguments]: off,
    [FuseV1Options.EnableEmbeddedAsarIntegrityValidation]: on,
    [FuseV1Options.OnlyLoadAppFromAsar]: on,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: off,
    [FuseV1Options.GrantFileProtocolExtraPrivileges]: off,
  });
});

test('it is the app and nothing else: no example app, no packages of the repository', async () => {
  const files = (await succeed(['find', path.join(folder, 'resources'), '-type', 'f']))
    .trim()
    .split('\n');
  expect(files.map((file) => path.relative(folder, file)).sort()).toEqual([
    'resources/app.asar',
    'resources/app.asar.unpacked/out/main/peercred.node',
  ]);
});

test('it runs in its sandbox and talks to culvertd, whom it can verify', async () => {
  const app = start([]);
  await eventually(async () => {
    await laptop.run(['xdotool', 'search', '--onlyvisible', '--name', '^Culvert$'], screen);
  });
  await eventually(async () => {
    const sockets = await laptop.run(['ss', '-xp', 'state', 'connected']);
    expect(sockets).toContain('/run/culvert/culvertd.sock');
  });
  // Processes come and go while they are looked through.
  const holders = await laptop.sh(
    `for maps in $(grep -ls /peercred.node /proc/[0-9]*/maps || true); do readlink "\${maps%maps}exe" || true; done`,
  );
  expect(holders).toContain(installed);
  await app.stop();
});

test.each([
  ['ELECTRON_RUN_AS_NODE', { ELECTRON_RUN_AS_NODE: '1' }, ['-p', '"node " + 6 * 7']],
  ['NODE_OPTIONS', { NODE_OPTIONS: '--inspect=9229' }, []],
  ['--inspect', {}, ['--inspect=9229']],
  ['--inspect-brk', {}, ['--inspect-brk=9229']],
])('%s opens nothing', async (_name, environment, argv) => {
  const app = start(argv as string[], environment as Record<string, string>);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(app.log).not.toMatch(/Debugger listening|node 42/);
  expect(await laptop.run(['ss', '-Hltn'])).not.toContain(':9229');
  await app.stop();
});

test('SIGUSR1 opens nothing', async () => {
  const app = start([]);
  await eventually(async () => {
    await laptop.run(['xdotool', 'search', '--onlyvisible', '--name', '^Culvert$'], screen);
  });
  await laptop.run(['pkill', '-USR1', '-o', '-f', installed]);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(app.log).not.toContain('Debugger');
  expect(await laptop.run(['ss', '-Hltnp'])).not.toContain('culvert-desktop');
  await app.stop();
});

test.each([
  '--no-sandbox',
  '--remote-debugging-port=9333',
  '--remote-debugging-pipe',
  '--disable-web-security',
])('%s is refused with a sentence', async (argument) => {
  const app = start([argument]);
  const [code] = await app.ended;
  expect(code).toBe(1);
  expect(app.log).toContain(`Culvert does not start with ${argument.split('=')[0]}`);
});

const screen = { user: 'alice', env: SCREEN_ENVIRONMENT };

function start(argv: string[], environment: Record<string, string> = {}): Service {
  return laptop.start('culvert-desktop', [installed, '--disable-gpu', ...argv], {
    user: 'alice',
    env: { ...SCREEN_ENVIRONMENT, ...environment },
  });
}

function homeLaptop() {
  const spec = worldTopology.hosts.laptop;
  if (!spec) throw new Error('the world has no laptop');
  return { ...spec, via: [] };
}
