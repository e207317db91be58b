/** What a page in the app's window can never do, tried from inside that very page in a real Electron under its full sandbox. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CallName, calls, channelOf } from '../../app/desktop/ipc/channels.ts';
import type { Lab } from '../lab/lab.ts';
import type { LabDesktop } from '../world/desktop.ts';
import { openUnsignedDesktop, type UnsignedDesktop } from '../world/unsigned-desktop.ts';

let scene: UnsignedDesktop;
let lab: Lab;
let desktop: LabDesktop;

beforeAll(async () => {
  scene = await openUnsignedDesktop();
  ({ lab, desktop } = scene);
});
afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
});

test('the renderer is sandboxed, isolated, and has nothing of Node', async () => {
  const [preferences] = await desktop.evaluate(({ webContents }) =>
    webContents.getAllWebContents().map((contents) => ({
      // Electron's own record of what the window was made with.
      ...(
        contents as unknown as { getLastWebPreferences(): Record<string, unknown> }
      ).getLastWebPreferences(),
    })),
  );
  expect(preferences).toMatchObject({
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    nodeIntegrationInSubFrames: false,
    webviewTag: false,
    webSecurity: true,
  });
  const found = await desktop.window.evaluate(() =>
    ['require', 'process', 'module', 'global', 'Buffer', 'ipcRenderer', 'electron'].filter(
      (name) => name in globalThis,
    ),
  );
  expect(found).toEqual([]);
});

test('the kernel holds the renderer: no capability, no new privileges, a system call filter', async () => {
  const laptop = lab.host('laptop');
  const pids = (await laptop.run(['pgrep', '-f', 'type=renderer'])).trim().split('\n');
  for (const pid of pids) {
    const status = await laptop.read(`/proc/${pid}/status`);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).toMatch(/^Uid:\t(?!0\t)/m);
  }
});

test('culvertd is verified through the kernel before anything is sent: the addon is loaded', async () => {
  const maps = await desktop.evaluate(() =>
    process.getBuiltinModule('fs').readFileSync('/proc/self/maps', 'utf8'),
  );
  expect(maps).toContain('/app/desktop/out/main/peercred.node');
});

test('the page has the declared functions and no other thing of ours', async () => {
  const frame = await desktop.window.evaluate(() => {
    const plain = document.createElement('iframe');
    document.body.append(plain);
    const usual = new Set(Object.getOwnPropertyNames(plain.contentWindow ?? {}));
    plain.remove();
    return {
      extra: Object.getOwnPropertyNames(window).filter(
        (name) => !usual.has(name) && !/^\d+$/.test(name),
      ),
      bridge: Object.keys((window as unknown as { culvert: object }).culvert).sort(),
    };
  });
  expect(frame.extra.filter((name) => !name.startsWith('__playwright'))).toEqual(['culvert']);
  expect(frame.bridge).toEqual([...Object.keys(calls), 'onPlace', 'onView'].sort());
});

test('the bridge cannot be replaced for whoever calls it next', async () => {
  const isSame = await desktop.window.evaluate(() => {
    const mine = window as unknown as { culvert: { view: unknown } };
    const before = mine.culvert;
    try {
      (mine as { culvert: unknown }).culvert = { view: () => 'forged' };
      (mine.culvert as { view: unknown }).view = () => 'forged';
    } catch {
      // Refused with an exception, which is as good.
    }
    return mine.culvert === before && String(mine.culvert.view) === String(before.view);
  });
  expect(isSame).toBe(true);
});

const wrong: unknown[][] = [
  ['file:///etc/passwd'],
  ['javascript:alert(1)'],
  ['smb://server/share'],
  [{ __proto__: null, destination: { toString: 1 } }],
  [{ language: 'xx', appearance: 'light', openAtLogin: false }],
  [{ destination: 'x'.repeat(300) }],
  [{ destination: 'host', port: 70_000 }],
  [-1],
  [Number.NaN],
  [4],
  [null],
  [undefined],
  [[]],
  ['x'.repeat(100_000)],
  ['a', 'b', 'c'],
];
/** What a channel is made for is not wrong. */
const isText = (args: unknown[]) => args.length === 1 && typeof args[0] === 'string';

test.each(Object.keys(calls) as CallName[])('%s refuses what it does not take', async (name) => {
  const tried = wrong.filter(
    (args) => !(['signIn', 'copy'].includes(name) && isText(args) && String(args[0]).length < 300),
  );
  for (const args of tried) {
    const answer = await desktop.window.evaluate(
      async ([name, args]) => {
        const bridge = (
          window as unknown as { culvert: Record<string, (...args: unknown[]) => Promise<unknown>> }
        ).culvert;
        try {
          return `answered ${JSON.stringify(await bridge[name as string]?.(...(args as unknown[])))}`;
        } catch (error) {
          return String(error);
        }
      },
      [name, args] as const,
    );
    expect(answer, `${name}(${JSON.stringify(args)?.slice(0, 80)})`).toContain(
      `The call ${name} was given something it does not take`,
    );
  }
});

test('a frame inside the window, and another window, are refused on every channel', async () => {
  const refusals = await desktop.evaluate(
    async ({ BrowserWindow, ipcMain }, channels) => {
      type Handler = (event: unknown, ...args: unknown[]) => Promise<unknown>;
      const handlers = (ipcMain as unknown as { _invokeHandlers: Map<string, Handler> })
        ._invokeHandlers;
      const window = BrowserWindow.getAllWindows()[0];
      if (!window) throw new Error('there is no window');
      await window.webContents.executeJavaScript(
        `new Promise((done) => { const frame = document.createElement('iframe'); frame.srcdoc = '<p>injected'; frame.onload = () => done(); document.body.append(frame); })`,
      );
      const inner = window.webContents.mainFrame.frames[0];
      const other = new BrowserWindow({ show: false });
      const events = [
        { sender: window.webContents, senderFrame: inner },
        { sender: other.webContents, senderFrame: other.webContents.mainFrame },
        { sender: window.webContents, senderFrame: null },
        { sender: other.webContents, senderFrame: window.webContents.mainFrame },
      ];
      const answers: string[] = [];
      for (const channel of channels) {
        for (const event of events) {
          const answer = handlers.get(channel)?.(event);
          answers.push(
            await Promise.resolve(answer).then(
              () => 'answered',
              (error: Error) => error.message,
            ),
          );
        }
      }
      other.destroy();
      return { answers, hasInner: inner !== undefined };
    },
    (Object.keys(calls) as CallName[]).map(channelOf),
  );
  expect(refusals.hasInner).toBe(true);
  expect(new Set(refusals.answers)).toEqual(
    new Set(['This call did not come from Culvert’s own window.']),
  );
  expect(refusals.answers).toHaveLength(Object.keys(calls).length * 4);
  const injected = await (await desktop.window.waitForSelector('iframe')).contentFrame();
  const inFrame = await injected?.evaluate(() => 'culvert' in window);
  expect(inFrame).toBe(false);
  await desktop.window.evaluate(() => document.querySelector('iframe')?.remove());
});

test('the policy is this text, word by word', async () => {
  const policy = await desktop.evaluate(async ({ net }) => {
    const answer = await net.fetch('culvert://app/index.html');
    return answer.headers.get('content-security-policy');
  });

  expect(policy).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
});

test('the policy is in force: no script, style, picture or connection from elsewhere', async () => {
  const tried = await desktop.window.evaluate(async () => {
    const seen: string[] = [];
    document.addEventListener('securitypolicyviolation', (event) =>
      seen.push(event.effectiveDirective),
    );
    const add = (name: string, parts: object) =>
      document.body.append(Object.assign(document.createElement(name), parts));
    add('script', { textContent: 'window.forged = 1' });
    add('script', { src: 'https://203.0.113.10/x.js' });
    add('style', { textContent: 'body { color: red }' });
    add('img', { src: 'https://203.0.113.10/x.png' });
    add('iframe', { src: 'https://203.0.113.10/' });
    add('object', { data: 'https://203.0.113.10/x' });
    await fetch('https://203.0.113.10/').catch(() => undefined);
    // Not at once: what the debugger itself runs may evaluate.
    const evaluated = new Promise<void>((resolve) =>
      setTimeout(() => {
        try {
          // oxlint-disable-next-line typescript/no-implied-eval -- that it does not run is the point
          new Function('window.forged = 2')();
        } catch {
          seen.push('eval');
        }
        resolve();
      }),
    );
    await evaluated;
    // Each is told when it is.
    for (const from = Date.now(); new Set(seen).size < 8 && Date.now() - from < 15_000; )
      await new Promise((resolve) => setTimeout(resolve, 50));
    return { seen: [...new Set(seen)].sort(), forged: 'forged' in window };
  });
  expect(tried.forged).toBe(false);
  expect(tried.seen).toEqual([
    'connect-src',
    'eval',
    'frame-src',
    'img-src',
    'object-src',
    'script-src',
    'script-src-elem',
    'style-src-elem',
  ]);
});

test('the window stays where it is: no navigation, no second window, no download', async () => {
  const before = desktop.window.url();
  await desktop.window.evaluate(() => {
    location.href = 'https://203.0.113.10/';
    window.open('https://203.0.113.10/');
    window.open('file:///etc/passwd');
    const link = Object.assign(document.createElement('a'), {
      href: 'data:text/plain,x',
      download: 'x.txt',
      target: '_blank',
    });
    document.body.append(link);
    link.click();
    link.remove();
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(desktop.window.url()).toBe(before);
  expect(await desktop.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(
    1,
  );
  expect(await desktop.openedAddresses()).toEqual([]);
});

test('the main process loads nothing that is not the bundle, not even when it is told to', async () => {
  const answers = await desktop.evaluate(async ({ net, session, BrowserWindow }) => {
    const status = async (url: string) =>
      await net.fetch(url).then(
        (answer) => answer.status,
        () => 0,
      );
    const window = new BrowserWindow({ show: false });
    const loaded = await window.loadURL('file:///etc/hostname').then(
      () => 'loaded',
      (error: Error) => error.message,
    );
    window.destroy();
    return {
      inside: await status('culvert://app/index.html'),
      outside: await Promise.all(
        [
          'culvert://app/../main/index.js',
          'culvert://app/%2e%2e/main/index.js',
          'culvert://other/index.html',
          'culvert://app/nothing.js',
          'culvert://app/',
        ].map(status),
      ),
      loaded,
      spelling: session.defaultSession.isSpellCheckerEnabled(),
    };
  });
  expect(answers.inside).toBe(200);
  expect(answers.outside).toEqual([404, 404, 404, 404, 404]);
  expect(answers.loaded).toContain('ERR_BLOCKED_BY_CLIENT');
  expect(answers.spelling).toBe(false);
});

test('every permission is denied, and the page’s developer tools stay shut', async () => {
  const states = await desktop.window.evaluate(async () => {
    const names = [
      'geolocation',
      'notifications',
      'camera',
      'microphone',
      'clipboard-read',
      'midi',
    ];
    const states = await Promise.all(
      names.map((name) =>
        navigator.permissions.query({ name: name as PermissionName }).then(({ state }) => state),
      ),
    );
    const asked = await Notification.requestPermission();
    return [...states, asked];
  });
  expect(new Set(states)).toEqual(new Set(['denied']));
  const isOpen = await desktop.evaluate(async ({ BrowserWindow }) => {
    const contents = BrowserWindow.getAllWindows()[0]?.webContents;
    contents?.openDevTools();
    await new Promise((resolve) => setTimeout(resolve, 300));
    return contents?.isDevToolsOpened();
  });
  expect(isOpen).toBe(false);
});

test('a second start shows the first window and ends', async () => {
  await desktop.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.hide());
  expect(await desktop.startAgain()).toBe(0);
  await expect
    .poll(() =>
      desktop.evaluate(({ BrowserWindow }) =>
        BrowserWindow.getAllWindows().map((window) => window.isVisible()),
      ),
    )
    .toEqual([true]);
});
