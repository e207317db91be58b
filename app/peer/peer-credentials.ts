/** Who is at the other end of a Unix socket, as the kernel knows it. Node cannot ask, so native/peercred does. */
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

export interface PeerCredentials {
  uid: number;
  gid: number;
  pid: number;
}

export type ReadCredentials = (socket: Socket) => PeerCredentials | null;

interface Addon {
  peerCredentials(descriptor: number): PeerCredentials;
}

/** Beside a bundle; where `cargo build` leaves it in a checkout. Never a place that the caller names. */
const PLACES = [
  './peercred.node',
  '../../native/peercred/peercred.node',
  '../../native/target/release/libculvert_peercred.so',
  '../../native/target/debug/libculvert_peercred.so',
];

/** Without the addon nobody is known, and whoever asks refuses: nothing else tells a captured socket from root's. */
export function requirePeerCredentials(): ReadCredentials {
  return loadPeerCredentials() ?? (() => null);
}

/** Null where the addon is not installed. */
export function loadPeerCredentials(): ReadCredentials | null {
  for (const place of PLACES) {
    const addon = load(fileURLToPath(new URL(place, import.meta.url)));
    if (addon) return (socket) => readCredentials(addon, socket);
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

function readCredentials(addon: Addon, socket: Socket): PeerCredentials | null {
  const descriptor = descriptorOf(socket);
  if (descriptor === null) return null;
  try {
    return addon.peerCredentials(descriptor);
  } catch {
    return null;
  }
}

/** Undocumented, and there in Node 20, 24 and 26. Where it is not, nobody is known and everybody refused. */
function descriptorOf(socket: Socket): number | null {
  const handle = (socket as { _handle?: { fd?: unknown } | null })._handle;
  const descriptor = handle?.fd;
  return typeof descriptor === 'number' && descriptor >= 0 ? descriptor : null;
}
