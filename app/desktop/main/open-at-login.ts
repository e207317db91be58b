/** Starts the app with the person's session: Electron's own way where it has one, an XDG autostart entry on Linux. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { app } from 'electron';
import { autostartEntry, HIDDEN_FLAG } from './autostart-entry.ts';

export function setOpenAtLogin(isWanted: boolean): void {
  if (process.platform !== 'linux') {
    app.setLoginItemSettings({ openAtLogin: isWanted, args: [HIDDEN_FLAG] });
    return;
  }
  const folder = path.join(app.getPath('appData'), 'autostart');
  const entry = path.join(folder, 'culvert.desktop');
  if (!isWanted) {
    rmSync(entry, { force: true });
    return;
  }
  mkdirSync(folder, { recursive: true });
  // An AppImage runs from a mount that is gone the next time.
  writeFileSync(entry, autostartEntry(process.env.APPIMAGE ?? process.execPath));
}

/** Started by the session and not by hand: the icon is enough. */
export function startsHidden(): boolean {
  return process.argv.includes(HIDDEN_FLAG) || app.getLoginItemSettings().wasOpenedAtLogin === true;
}
