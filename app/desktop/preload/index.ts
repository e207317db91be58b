/** The window's only way out: named functions, one a call of `ipc/channels.ts`. `ipcRenderer` itself never crosses. */
import { contextBridge, ipcRenderer } from 'electron';
import {
  type CallName,
  type CulvertBridge,
  calls,
  channelOf,
  PLACE_EVENT,
  VIEW_EVENT,
  type View,
} from '../ipc/channels.ts';
import type { Place } from '../ipc/places.ts';

const asked = Object.fromEntries(
  (Object.keys(calls) as CallName[]).map((name) => [
    name,
    (...args: unknown[]) => ipcRenderer.invoke(channelOf(name), ...args),
  ]),
);

const bridge = {
  ...asked,
  onView: (listener: (view: View) => void) => listen(VIEW_EVENT, listener),
  onPlace: (listener: (place: Place) => void) => listen(PLACE_EVENT, listener),
} as unknown as CulvertBridge;

function listen<T>(channel: string, listener: (value: T) => void): () => void {
  const hear = (_event: unknown, value: T) => listener(value);
  ipcRenderer.on(channel, hear);
  return () => void ipcRenderer.removeListener(channel, hear);
}

contextBridge.exposeInMainWorld('culvert', bridge);
