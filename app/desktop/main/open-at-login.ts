/** Starts the app with the person's session: Electron's own way where it has one, an XDG autostart entry on Linux. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { app } from 'electron';

export function setOpenAtLogin(isWanted: boolean): void {
  if (process.platform !== 'linux') {
    app.setLoginItemSettings({ openAtLogin: isWanted });
    return;
  }
  const folder = path.join(app.getPath('appData'), 'autostart');
  const entry = path.join(folder, 'culvert.desktop');
  if (!isWanted) {
    rmSync(entry, { force: true });
    return;
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    entry,
    `[Desktop Entry]\nType=Application\nName=Culvert\nExec="${process.execPath.replaceAll('"', '\\"')}"\nX-GNOME-Autostart-enabled=true\n`,
  );
}
