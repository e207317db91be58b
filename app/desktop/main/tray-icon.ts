/** The icon in the panel, and the menu on it. */
import {
  Menu,
  type MenuItemConstructorOptions,
  type NativeImage,
  nativeImage,
  nativeTheme,
  type Rectangle,
  Tray,
} from 'electron';
import type { View } from '../ipc/channels.ts';
import { type IconState, iconState, shownState } from '../ipc/icon-state.ts';
import { drawIcon } from './icon-drawing.ts';
import { type MenuAction, type MenuItem, trayMenu } from './tray-menu.ts';
import { words } from './words.ts';

export class TrayIcon {
  readonly #tray: Tray;
  readonly #act: (action: MenuAction, at?: Rectangle) => void;
  #shown = '';
  #view: View | undefined;

  constructor(act: (action: MenuAction, at?: Rectangle) => void) {
    this.#act = act;
    this.#tray = new Tray(image('off'));
    this.#tray.on('click', (_event, bounds) => act('open', whereabouts(bounds)));
    nativeTheme.on(
      'updated',
      () => this.#view && this.#tray.setImage(image(iconState(this.#view))),
    );
  }

  show(view: View): void {
    this.#view = view;
    const items = trayMenu(view);
    // A menu that is open closes when it is replaced, so it is replaced only when it says something else.
    const shown = JSON.stringify([items, iconState(view)]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#tray.setImage(image(iconState(view)));
    this.#tray.setToolTip(`Culvert: ${words[view.language].states[shownState(view)]}`);
    this.#tray.setContextMenu(Menu.buildFromTemplate(items.map((item) => this.#template(item))));
  }

  #template(item: MenuItem): MenuItemConstructorOptions {
    switch (item.kind) {
      case 'line':
        return { label: item.text, enabled: false };
      case 'separator':
        return { type: 'separator' };
      case 'action':
        return { label: item.text, id: item.action, click: () => this.#act(item.action) };
      case 'submenu':
        return { label: item.text, submenu: item.items.map((one) => this.#template(one)) };
    }
  }
}

/** Linux does not say where the icon is, and where the pointer is only to windows that it has moved over. */
function whereabouts(bounds: Rectangle): Rectangle | undefined {
  return bounds.width > 0 ? bounds : undefined;
}

/** macOS colours a template image by itself; elsewhere the panel's likely colour decides. */
function image(state: IconState): NativeImage {
  const isMac = process.platform === 'darwin';
  const ink = !isMac && nativeTheme.shouldUseDarkColors ? 255 : 0;
  const picture = nativeImage.createEmpty();
  for (const scale of [1, 1.5, 2, 3]) {
    const size = 16 * scale;
    picture.addRepresentation({
      scaleFactor: scale,
      width: size,
      height: size,
      buffer: toPng(state, size, ink),
    });
  }
  picture.setTemplateImage(isMac);
  return picture;
}

function toPng(state: IconState, size: number, ink: number): Buffer {
  return nativeImage
    .createFromBitmap(drawIcon(state, size, ink), { width: size, height: size })
    .toPNG();
}
