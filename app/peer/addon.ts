/** native/peercred: what the kernel knows of the other end of a socket or a pipe, and Node does not ask it. */
import { fileURLToPath } from 'node:url';

export interface Addon {
  peerCredentials(descriptor: number): PeerCredentials;
  /** Missing in one that is older than this program. */
  isUnread?(descriptor: number): boolean;
}

export interface PeerCredentials {
  uid: number;
  gid: number;
  pid: number;
}

/** Beside a bundle; where `cargo build` leaves it in a checkout. Never a place that the caller names. */
const PLACES = [
  './peercred.node',
  '../../native/peercred/peercred.node',
  '../../native/target/release/libculvert_peercred.so',
  '../../native/target/debug/libculvert_peercred.so',
];

/** Null where the addon is not installed. */
export function loadAddon(): Addon | null {
  for (const place of PLACES) {
    const addon = load(fileURLToPath(new URL(place, import.meta.url)));
    if (addon) return addon;
  }
  return null;
}

function load(path: string): Addon | undefined {
  const module = { exports: {} as Partial<Addon> };
  try {
    // Not require(): cargo names the file .so, and only dlopen takes any name.
    process.dlopen(module, path);
  } catch {
    return undefined;
  }
  return typeof module.exports.peerCredentials === 'function'
    ? (module.exports as Addon)
    : undefined;
}
