/** Waits for a file to get its name: told by the kernel, and looked for now and then where it does not tell. */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

export class FileAppearance {
  readonly #watcher: FSWatcher | null;
  #tell: () => void = () => {};

  constructor(path: string) {
    this.#watcher = watchFolder(dirname(path), (name) => {
      if (name === basename(path)) this.#tell();
    });
  }

  /** Resolves when something became of the name, or when patience ends. */
  next(patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      this.#tell = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close(): void {
    this.#watcher?.close();
  }
}

function watchFolder(folder: string, onName: (name: string | null) => void): FSWatcher | null {
  try {
    const watcher = watch(folder, { persistent: false }, (_event, name) => onName(name));
    watcher.on('error', () => {});
    return watcher;
  } catch {
    // The user's inotify watches are used up.
    return null;
  }
}
