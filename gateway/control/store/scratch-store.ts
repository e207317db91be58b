/** For tests: a real store in a directory of its own, gone afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDataDirectory } from './data-directory.ts';
import { type Clock, openStore, type Store } from './store.ts';

export interface ScratchStore {
  store: Store;
  path: string;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function scratchStore(clock?: Clock): Promise<ScratchStore> {
  const path = mkdtempSync(join(tmpdir(), 'culvert-store-'));
  const store = await openStore(openDataDirectory(path), clock);
  return {
    store,
    path,
    [Symbol.asyncDispose]: async () => {
      await store.close();
      rmSync(path, { recursive: true });
    },
  };
}
