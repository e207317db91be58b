/** The one window: 360 × 560, at the tray where its place is known, in the middle where it is not. */
import path from 'node:path';
import { app, BrowserWindow, screen } from 'electron';
import { APP_ORIGIN } from './hardening.ts';

const SIZE = { width: 360, height: 560 };

export class PopoverWindow {
  #window: BrowserWindow | undefined;
  readonly #preload: string;

  constructor(folder: string) {
    this.#preload = path.join(folder, '../preload/index.cjs');
  }

  get window(): BrowserWindow | undefined {
    return this.#window?.isDestroyed() === false ? this.#window : undefined;
  }

  get isVisible(): boolean {
    return this.window?.isVisible() ?? false;
  }

  /** `place`: the page to open at, for menu items that lead to one. */
  async open(place: '' | 'why' | 'preferences' = ''): Promise<void> {
    const window = this.window ?? this.#create();
    await window.loadURL(`${APP_ORIGIN}/index.html#${place}`);
    window.show();
    window.focus();
  }

  send(channel: string, value: unknown): void {
    this.window?.webContents.send(channel, value);
  }

  #create(): BrowserWindow {
    const window = new BrowserWindow({
      ...SIZE,
      ...this.#position(),
      show: false,
      title: 'Culvert',
      resizable: true,
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
    this.#window = window;
    return window;
  }

  /** Beside the pointer's display edge, where panels put trays; a display that is too small gets the middle. */
  #position(): { x: number; y: number } | { center: true } {
    const { workArea } = screen.getDisplayNearestPoint(screen.getCursorScreenPoint());
    if (workArea.width < SIZE.width || workArea.height < SIZE.height) return { center: true };
    return {
      x: Math.round(workArea.x + (workArea.width - SIZE.width) / 2),
      y: Math.round(workArea.y + (workArea.height - SIZE.height) / 2),
    };
  }
}
