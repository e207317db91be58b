/** Shows an address in the user's browser, where there is one. */
import { spawn } from 'node:child_process';

/** False where nobody could see a browser: over ssh, in a container, on a server. */
export function openBrowser(url: string, environment: NodeJS.ProcessEnv): Promise<boolean> {
  const hasScreen = Boolean(
    environment.DISPLAY || environment.WAYLAND_DISPLAY || environment.BROWSER,
  );
  // Only ever what the daemon gave us over its socket, but xdg-open also opens files.
  if (!hasScreen || !/^https?:\/\//.test(url)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const child = spawn('xdg-open', [url], { stdio: 'ignore', detached: true });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}
