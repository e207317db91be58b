/** The window's only way out: named functions, one a call of `ipc/channels.ts`. `ipcRenderer` itself never crosses. */
import { contextBridge, ipcRenderer } from 'electron';
import {
  type CallName,
  type CulvertBridge,
  calls,
  channelOf,
  VIEW_EVENT,
  type View,
} from '../ipc/channels.ts';

const asked = Object.fromEntries(
  (Object.keys(calls) as CallName[]).map((name) => [
    name,
    (...args: unknown[]) => ipcRenderer.invoke(channelOf(name), ...args),
  ]),
);

const bridge = {
  ...asked,
  onView(listener: (view: View) => void) {
    const hear = (_event: unknown, view: View) => listener(view);
    ipcRenderer.on(VIEW_EVENT, hear);
    return () => void ipcRenderer.removeListener(VIEW_EVENT, hear);
  },
} as unknown as CulvertBridge;

contextBridge.exposeInMainWorld('culvert', bridge);
