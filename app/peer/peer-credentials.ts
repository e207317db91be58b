/** Who is at the other end of a Unix socket, as the kernel knows it. Node cannot ask, so native/peercred does. */
import type { Socket } from 'node:net';
import { type Addon, loadAddon, type PeerCredentials } from './addon.ts';

export type ReadCredentials = (socket: Socket) => PeerCredentials | null;

/** Without the addon nobody is known, and whoever asks refuses: nothing else tells a captured socket from root's. */
export function requirePeerCredentials(): ReadCredentials {
  return loadPeerCredentials() ?? (() => null);
}

/** Null where the addon is not installed. */
export function loadPeerCredentials(): ReadCredentials | null {
  const addon = loadAddon();
  return addon && ((socket) => readCredentials(addon, socket));
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
