/** Starts the app, or refuses to. Rights and truth are culvertd's; this shows and asks. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { app } from 'electron';
import { registerScheme } from './bundle-protocol.ts';
import { hardenProcess } from './hardening.ts';
import { refusedSwitch } from './refused-switches.ts';
import { startApp } from './start-app.ts';

const folder = path.dirname(fileURLToPath(import.meta.url));

// A modal error box would hang with nobody to close it; the log has the stack.
process.on('uncaughtException', (error) => {
  console.error(error);
  app.exit(1);
});

const refused = refusedSwitch(app.isPackaged, (name) => app.commandLine.hasSwitch(name));
if (refused !== undefined) {
  console.error(`Culvert does not start with --${refused}: it would lower its own guard.`);
  app.exit(1);
} else if (!app.requestSingleInstanceLock()) {
  app.quit();
} else {
  hardenProcess();
  registerScheme();
  // Not awaited here: `ready` waits for this module.
  void app.whenReady().then(() => startApp(folder));
}
