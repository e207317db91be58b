/** The main process's end of `ipc/channels.ts`: who asks is checked first, then what. */
import { type BrowserWindow, type IpcMainInvokeEvent, ipcMain } from 'electron';
import { type Answer, type Arguments, type CallName, calls, channelOf } from '../ipc/channels.ts';
import { APP_ORIGIN } from './hardening.ts';

export type Handlers = {
  [Name in CallName]: (...args: Arguments<Name>) => Answer<Name> | Promise<Answer<Name>>;
};

export function serveIpc(handlers: Handlers, window: () => BrowserWindow | undefined): void {
  for (const name of Object.keys(calls) as CallName[]) {
    ipcMain.handle(channelOf(name), async (event, ...given: unknown[]) => {
      if (!isOurWindow(event, window()))
        throw new Error('This call did not come from Culvert’s own window.');
      const args = calls[name].args.safeParse(given);
      if (!args.success) throw new Error(`The call ${name} was given something it does not take.`);
      const handle = handlers[name] as (...args: unknown[]) => unknown;
      return await handle(...(args.data as unknown[]));
    });
  }
}

/** Only the top frame of our one window, and only while it shows our own page. */
function isOurWindow(event: IpcMainInvokeEvent, window: BrowserWindow | undefined): boolean {
  const frame = event.senderFrame;
  if (!window || window.isDestroyed() || !frame) return false;
  return (
    event.sender === window.webContents &&
    frame === window.webContents.mainFrame &&
    frame.url.startsWith(`${APP_ORIGIN}/`)
  );
}
