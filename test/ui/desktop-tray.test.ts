/** The icon in a real panel, and its menu by clicks: what works with no window at all. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../lab/eventually.ts';
import type { Host } from '../lab/host.ts';
import { Lab } from '../lab/lab.ts';
import { LabDesktop, SCREEN_ENVIRONMENT, startScreen } from '../world/desktop.ts';
import { Device } from '../world/device.ts';
import { worldTopology } from '../world/topology.ts';

let lab: Lab;
let laptop: Host;
let desktop: LabDesktop;
let device: Device;
/** The panel before any icon is in it: at first some pixels wide, then fewer. */
let empty: { width: number };
const screen = { user: 'alice', env: SCREEN_ENVIRONMENT };

beforeAll(async () => {
  const spec = worldTopology.hosts.laptop;
  if (!spec) throw new Error('the world has no laptop');
  lab = await Lab.build({ segments: ['home'], hosts: { laptop: { ...spec, via: [] } } });
  laptop = lab.host('laptop');
  device = await Device.install(laptop);
  await startScreen(laptop);
  const panel = [
    'trayer',
    '--edge',
    'top',
    '--align',
    'right',
    '--widthtype',
    'request',
    '--height',
    '32',
  ];
  laptop.start('trayer', panel, screen);
  empty = await eventually(async () => await panelSize());
});
afterAll(async () => {
  await desktop?.close();
  await lab?.stop();
});

test('the icon docks into the panel, and a click on it opens the window', async () => {
  desktop = await LabDesktop.open(laptop);
  await desktop.window.getByRole('heading', { name: 'Sign in to your organisation' }).waitFor();
  await eventually(async () => expect((await panelSize()).width).toBeGreaterThan(empty.width));
  await desktop.window.keyboard.press('Escape');
  await eventually(async () => expect(await isVisible()).toBe(false));

  const panel = await panelSize();
  const at = [panel.x + panel.width - 16, panel.y + panel.height / 2].map(Math.round);
  await eventually(
    async () => {
      await laptop.run(
        ['xdotool', 'mousemove', String(at[0]), String(at[1]), 'click', '1'],
        screen,
      );
      expect(await isVisible()).toBe(true);
    },
    15_000,
    500,
  );

  // Where the icon is nobody tells on Linux, so it is the middle.
  await expect
    .poll(() =>
      desktop.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.getBounds()),
    )
    .toMatchObject({ x: 460, y: 120, width: 360, height: 560 });
});

test('the menu follows culvertd without any window', async () => {
  await desktop.window.keyboard.press('Escape');
  await eventually(async () => expect(await isVisible()).toBe(false));
  await recordMenus();
  expect(await labels()).toEqual([
    'Needs sign-in',
    'Sign in',
    '',
    'Open Culvert',
    'Preferences',
    '',
    'Quit',
  ]);
});

test('the menu leads to each place in the window, without loading it anew', async () => {
  await click('sign-in');
  await eventually(async () => expect(await isVisible()).toBe(true));
  await desktop.window.evaluate(() => Object.assign(window, { isSamePage: true }));
  await click('preferences');
  await desktop.window.getByRole('heading', { name: 'Preferences' }).waitFor();
  await click('open');
  await desktop.window.getByRole('heading', { name: 'Sign in to your organisation' }).waitFor();
  expect(await desktop.window.evaluate(() => 'isSamePage' in window)).toBe(true);
});

test('Escape hides the window, the app stays', async () => {
  await desktop.window.keyboard.press('Escape');
  await eventually(async () => expect(await isVisible()).toBe(false));
  await click('sign-in');
  await eventually(async () => expect(await isVisible()).toBe(true));
});

test('an answer of the main process is not lost to a collection', async () => {
  await desktop.evaluate(() => {
    process.getBuiltinModule('v8').setFlagsFromString('--expose-gc');
    const collect = process.getBuiltinModule('vm').runInNewContext('gc') as () => void;
    Object.assign(globalThis, { collect });
  });
  const answer = await desktop.evaluate(() => {
    const { collect } = globalThis as unknown as { collect: () => void };
    // Between the answer and whoever tells it, where there was room for a few more.
    for (let turn = Promise.resolve(), left = 8; left > 0; left--) turn = turn.then(collect);
    return 'here';
  });
  expect(answer).toBe('here');
});

test('a window whose page crashed is made anew', async () => {
  // No click here: it is answered later than it returns, and one that came after the crash would open the next window.
  expect(await isVisible()).toBe(true);
  await desktop.evaluate(({ BrowserWindow }) =>
    BrowserWindow.getAllWindows()[0]?.webContents.forcefullyCrashRenderer(),
  );
  await eventually(async () =>
    expect(
      await desktop.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length),
    ).toBe(0),
  );
  const opened = desktop.nextWindow();
  await click('open');
  await (await opened).getByRole('heading', { name: 'Sign in to your organisation' }).waitFor();
});

test('started with the session it shows the icon only, and Quit ends it', async () => {
  const docked = (await panelSize()).width;
  await desktop.close();
  await eventually(async () => expect((await panelSize()).width).toBeLessThan(docked));
  desktop = await LabDesktop.start(laptop, ['--hidden']);
  await eventually(async () => expect((await panelSize()).width).toBe(docked));
  expect(await desktop.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(
    0,
  );

  await recordMenus();
  const ended = desktop.ended();
  await click('quit');
  await ended;
});

/** Nobody can read a panel's menu from outside, so each one that the app makes from now on is kept, and one is asked for. */
async function recordMenus(): Promise<void> {
  await desktop.evaluate(({ Menu }) => {
    const build = Menu.buildFromTemplate.bind(Menu);
    Menu.buildFromTemplate = (template) => {
      const menu = build(template);
      Object.assign(globalThis, { trayMenu: menu });
      return menu;
    };
  });
  await device.daemon.stop();
  await eventually(async () => expect(await labels()).toContain('Can’t connect'));
  await device.restart();
  await eventually(async () => expect(await labels()).toContain('Needs sign-in'));
}

async function click(id: string): Promise<void> {
  const isThere = await desktop.evaluate((_electron, id) => {
    const { trayMenu } = globalThis as unknown as { trayMenu?: Electron.Menu };
    const item = trayMenu?.getMenuItemById(id);
    // Later, for what it does may end the program that has to answer.
    setTimeout(() => item?.click(), 10);
    return item !== undefined && item !== null;
  }, id);
  expect(isThere, `an item ${id} in the menu`).toBe(true);
}

async function labels(): Promise<string[]> {
  return await desktop.evaluate(() => {
    const { trayMenu } = globalThis as unknown as { trayMenu?: Electron.Menu };
    return trayMenu?.items.map((item) => item.label) ?? [];
  });
}

async function isVisible(): Promise<boolean> {
  return await desktop.evaluate(
    ({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.isVisible() ?? false,
  );
}

async function panelSize(): Promise<{ x: number; y: number; width: number; height: number }> {
  const shell = await laptop.run(
    ['sh', '-c', 'xdotool getwindowgeometry --shell "$(xdotool search --class trayer | tail -1)"'],
    screen,
  );
  const value = (name: string) => Number(new RegExp(`^${name}=(-?\\d+)`, 'm').exec(shell)?.[1]);
  return { x: value('X'), y: value('Y'), width: value('WIDTH'), height: value('HEIGHT') };
}
