/** Tells whether what something is built from has changed, by content. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cache, root } from './places.mjs';

const leftOut = new Set(['node_modules', '.tsbuild', 'dist', 'out', 'target', '.cache']);

/** SHA-256 over names and contents of files, and of all files below folders. */
export function hashOf(places) {
  const hash = createHash('sha256');
  for (const place of places) addTo(hash, place);
  return hash.digest('hex');
}

function addTo(hash, place) {
  if (!existsSync(place)) return;
  if (statSync(place).isDirectory()) {
    for (const name of readdirSync(place).sort()) {
      if (!leftOut.has(name)) addTo(hash, path.join(place, name));
    }
    return;
  }
  hash.update(path.relative(root, place)).update('\0').update(readFileSync(place)).update('\0');
}

/** Runs `build` when inputs changed or an output is missing; says which. */
export async function whenChanged(name, inputs, outputs, build) {
  const stamp = path.join(cache, 'stamps', name);
  const wanted = hashOf([...inputs, 'package-lock.json'].map((place) => path.join(root, place)));
  const have = outputs.every((output) => existsSync(path.join(root, output)));
  if (have && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return 'unchanged';
  await build();
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
  return 'built';
}
