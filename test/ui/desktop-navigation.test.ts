/**
 * Ways by which a window of the tray app could come to a page of somebody else's: what is dropped onto it, a server's
 * redirect, a page inside the page. Each is first shown to work where its one defence is taken away.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LabDesktop } from '../world/desktop.ts';
import { openUnsignedDesktop, type UnsignedDesktop } from '../world/unsigned-desktop.ts';

let scene: UnsignedDesktop;
let desktop: LabDesktop;

beforeAll(async () => {
  scene = await openUnsignedDesktop();
  ({ desktop } = scene);
});
afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
});

const dropped = {
  'file:///etc/hostname': { items: [], files: ['/etc/hostname'] },
  'https://203.0.113.10/': {
    items: [{ mimeType: 'text/uri-list', data: 'https://203.0.113.10/', title: 'x', baseURL: '' }],
  },
};

test.each(Object.entries(dropped))(
  '%s dropped onto the window leads nowhere',
  async (address, data) => {
    const attempts = await desktop.evaluate(async ({ BrowserWindow }, data) => {
      const attemptsOn = async (
        window: Electron.BrowserWindow,
        patienceMs: number,
      ): Promise<string[]> => {
        const { webContents: contents } = window;
        const attempts: string[] = [];
        // Chromium opens what is dropped in a window of its own. Denied here as the app denies it, and noted.
        contents.setWindowOpenHandler(({ url }) => {
          attempts.push(url);
          return { action: 'deny' };
        });
        contents.on('did-start-navigation', ({ url }) => attempts.push(url));
        contents.debugger.attach('1.3');
        for (const type of ['dragEnter', 'dragOver', 'drop']) {
          const drag = { type, x: 100, y: 200, data: { ...data, dragOperationsMask: 7 } };
          await contents.debugger.sendCommand('Input.dispatchDragEvent', drag);
        }
        for (const from = Date.now(); attempts.length === 0 && Date.now() - from < patienceMs; )
          await new Promise((resolve) => setTimeout(resolve, 50));
        contents.debugger.detach();
        return attempts;
      };
      const [ours] = BrowserWindow.getAllWindows();
      if (!ours) throw new Error('there is no window');
      const open = new BrowserWindow({
        width: 360,
        height: 560,
        webPreferences: { navigateOnDragDrop: true },
      });
      await open.loadURL(ours.webContents.getURL());
      const result = { ours: await attemptsOn(ours, 500), open: await attemptsOn(open, 15_000) };
      open.destroy();
      return { ...result, url: ours.webContents.getURL() };
    }, data);

    expect(attempts.open).toEqual([address]);
    expect(attempts.ours).toEqual([]);
    expect(attempts.url).toMatch(/^culvert:\/\/app\/index\.html/);
  },
);

test('a server’s redirect is not followed', async () => {
  const seen = await desktop.evaluate(async ({ BrowserWindow, session }) => {
    const paths: string[] = [];
    const server = process.getBuiltinModule('http').createServer((request, answer) => {
      paths.push(request.url ?? '');
      if (request.url === '/landed') answer.end('landed');
      else answer.writeHead(302, { location: '/landed' }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const pathsOf = async (isOpen: boolean): Promise<string[]> => {
      // A session of its own, for the app's cancels the first request already.
      const apart = session.fromPartition(`apart-${isOpen}`);
      const window = new BrowserWindow({ show: false, webPreferences: { session: apart } });
      if (isOpen) window.webContents.removeAllListeners('will-redirect');
      await window.loadURL(`http://127.0.0.1:${port}/start`).catch(() => undefined);
      window.destroy();
      return paths.splice(0);
    };
    const result = { ours: await pathsOf(false), open: await pathsOf(true) };
    server.close();
    return result;
  });

  expect(seen.open).toEqual(['/start', '/landed']);
  expect(seen.ours).toEqual(['/start']);
});

test('no page can be put inside the page: neither the element nor what Electron would attach to it', async () => {
  const kinds = await desktop.evaluate(async ({ BrowserWindow, session, webContents }) => {
    const attached = () => webContents.getAllWebContents().map((contents) => contents.getType());
    const html = '<webview src="data:text/html,inside"></webview>';
    const [ours] = BrowserWindow.getAllWindows();
    await ours?.webContents.executeJavaScript(
      `document.body.insertAdjacentHTML('beforeend', ${JSON.stringify(html)})`,
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    const inOurs = attached();
    await ours?.webContents.executeJavaScript(`document.querySelector('webview').remove()`);
    const kindsWith = async (isOpen: boolean): Promise<string[]> => {
      const apart = session.fromPartition(`inside-${isOpen}`);
      const window = new BrowserWindow({
        show: false,
        webPreferences: { session: apart, webviewTag: true },
      });
      if (isOpen) window.webContents.removeAllListeners('will-attach-webview');
      await window.loadURL(`data:text/html,${encodeURIComponent(html)}`);
      const patienceMs = isOpen ? 15_000 : 500;
      for (const from = Date.now(); Date.now() - from < patienceMs; )
        if (attached().includes('webview')) break;
        else await new Promise((resolve) => setTimeout(resolve, 50));
      const kinds = attached();
      window.destroy();
      return kinds;
    };
    return { inOurs, ours: await kindsWith(false), open: await kindsWith(true) };
  });

  expect(kinds.open).toContain('webview');
  expect(kinds.ours).not.toContain('webview');
  expect(kinds.inOurs).toEqual(['window']);
});
