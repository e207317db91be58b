/** A package without the bundle, or without the addon that tells who answers, must not come about. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const out = fileURLToPath(new URL('../out', import.meta.url));

/**
 * @param {{ platform: { name: string } }} context electron-builder's
 * @returns false: everything is bundled, so no node_modules go into the package
 */
export default async function beforeBuild({ platform }) {
  const needed = ['main/index.js', 'preload/index.cjs', 'renderer/index.html'];
  // Windows has its own way to know the other end of a pipe.
  if (platform.name === 'linux') needed.push('main/peercred.node');
  const missing = needed.filter((file) => !existsSync(path.join(out, file)));
  if (missing.length > 0)
    throw new Error(
      `app/desktop/out lacks ${missing.join(', ')}. Run “npm run package:desktop”; native/peercred/README.md says how to build the addon.`,
    );
  return false;
}
