/** The one window: 360 × 560, at the tray where its place is known, in the middle where it is not. */
import path from 'node:path';
import { app, BrowserWindow, nativeTheme, type Rectangle, screen } from 'electron';
import { PLACE_EVENT } from '../ipc/channels.ts';
import type { Place } from '../ipc/places.ts';
import { APP_ORIGIN } from './hardening.ts';
import { placeOfPopover } from './popover-place.ts';

const SIZE = { width: 360, height: 560 };

export class PopoverWindow {
  #window: BrowserWindow | undefined;
  #loaded: Promise<void> = Promise.resolve();
  #isQuitting = false;
  readonly #preload: string;

  constructor(folder: string) {
    this.#preload = path.join(folder, '../preload/index.cjs');
    app.on('before-quit', () => {
      this.#isQuitting = true;
    });
  }

  get window(): BrowserWindow | undefined {
    return this.#window?.isDestroyed() === false ? this.#window : undefined;
  }

  /** `place`: the page to open at, for menu items that lead to one. `tray`: where the icon is, if that is known. */
  async open(place: Place = '', tray?: Rectangle): Promise<void> {
    const existing = this.window;
    if (existing) existing.webContents.send(PLACE_EVENT, place);
    const window = existing ?? this.#create(place);
    await this.#loaded.catch((thrown: unknown) => {
      // A page that crashed while it loaded took its window along: the next opening makes a new one.
      if (!window.isDestroyed()) throw thrown;
    });
    if (window.isDestroyed()) return;
    const { workArea } = screen.getDisplayNearestPoint(tray ?? screen.getCursorScreenPoint());
    if (!window.isVisible()) {
      const [width = SIZE.width, height = SIZE.height] = window.getSize();
      const { x, y } = placeOfPopover({ width, height }, workArea, tray);
      window.setPosition(x, y);
    }
    window.show();
    window.focus();
  }

  hide(): void {
    this.window?.hide();
  }

  send(channel: string, value: unknown): void {
    this.window?.webContents.send(channel, value);
  }

  #create(place: Place): BrowserWindow {
    const window = new BrowserWindow({
      ...SIZE,
      useContentSize: true,
      show: false,
      title: 'Culvert',
      // What is seen until the page has drawn.
      backgroundColor: nativeTheme.shouldUseDarkColors ? '#242424' : '#ffffff',
      minWidth: 320,
      minHeight: 400,
      fullscreenable: false,
      maximizable: false,
      autoHideMenuBar: true,
      webPreferences: {
        preload: this.#preload,
        sandbox: true,
        contextIsolation: true,
        nodeIntegration: false,
        nodeIntegrationInWorker: false,
        nodeIntegrationInSubFrames: false,
        webviewTag: false,
        spellcheck: false,
        devTools: !app.isPackaged && process.env.CULVERT_DEVTOOLS === '1',
        navigateOnDragDrop: false,
      },
    });
    window.removeMenu();
    // Closed is only hidden: the next time it is there at once.
    window.on('close', (event) => {
      if (this.#isQuitting) return;
      event.preventDefault();
      window.hide();
    });
    // A page that crashed is not hidden for ever: the next opening makes a new one.
    window.webContents.on('render-process-gone', () => window.destroy());
    this.#window = window;
    this.#loaded = window.loadURL(`${APP_ORIGIN}/index.html#${place}`);
    return window;
  }
}
