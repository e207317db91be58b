import type { CulvertBridge } from '../../ipc/channels.ts';

declare global {
  interface Window {
    culvert: CulvertBridge;
  }
}

/** What the preload script gave this window. */
export const culvert: CulvertBridge = window.culvert;
