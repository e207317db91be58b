/** Asks for the engine's UDP port before anything is started: a gateway without it would serve nobody. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { join } from 'node:path';

/** Where the data plane of a gateway keeps its engine's socket and log. */
export function engineFolder(data: string): string {
  return join(data, 'engine');
}

/** An engine of our own that went on while the control plane was away holds it rightly. `folder` is the data plane's. */
export async function isPortOfAnother(port: number, folder: string): Promise<boolean> {
  const isTaken = (await isTakenFor('udp4', port)) || (await isTakenFor('udp6', port));
  return isTaken && !(await answers(join(folder, 'engine.sock')));
}

function isTakenFor(type: 'udp4' | 'udp6', port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket({ type, ipv6Only: type === 'udp6' });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE'));
    socket.bind({ port, exclusive: true }, () => socket.close(() => resolve(false)));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
