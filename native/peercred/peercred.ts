/** Loads the addon that tells who is at the other end of a Unix socket. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface PeerCredentials {
  pid: number;
  uid: number;
  gid: number;
}

export interface PeercredAddon {
  /** Throws when the descriptor is no connected Unix socket. */
  peerCredentials(descriptor: number): PeerCredentials;
  /** Whether the reader of this pipe went away; false for what is no pipe. */
  isUnread(descriptor: number): boolean;
}

/** The documented copy first; then what cargo leaves in a checkout. Never a place that a caller or the environment names. */
const PLACES = [
  './peercred.node',
  '../target/release/libculvert_peercred.so',
  '../target/debug/libculvert_peercred.so',
].map((place) => fileURLToPath(new URL(place, import.meta.url)));

/** Throws one sentence when the addon is not there or does not fit this Node. */
export function loadPeercred(places: readonly string[] = PLACES): PeercredAddon {
  const path = places.find((place) => existsSync(place));
  if (path === undefined) {
    throw new Error(
      'The addon that tells who calls (peercred.node) is missing: build it as native/peercred/README.md says.',
    );
  }
  return open(path);
}

function open(path: string): PeercredAddon {
  const module = { exports: {} as Partial<PeercredAddon> };
  try {
    // Not require(): it insists on a name that ends in .node.
    process.dlopen(module, path);
  } catch (cause) {
    throw new Error(`The addon ${path} does not load into Node ${process.version}.`, { cause });
  }
  if (typeof module.exports.peerCredentials !== 'function') {
    throw new Error(`The addon ${path} is not peercred: it has no peerCredentials.`);
  }
  return module.exports as PeercredAddon;
}
