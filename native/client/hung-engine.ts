/**
 * An engine that hangs keeps its control socket, its port and its interface, so that no other can take its place: it has to
 * be ended. It cannot say who it is any more, so it is known by its command line, which names the socket.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const PATIENCE_MS = 5_000;

/** Returns when it is gone. Does nothing where there is none, or no /proc to find it in. */
export async function endHungEngine(socketPath: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (const pid of enginesAt(socketPath)) process.kill(pid, 'SIGKILL');
  while (enginesAt(socketPath).length > 0 && performance.now() < deadline) await pause(10);
}

function enginesAt(socketPath: string): number[] {
  return processIds().filter((pid) => {
    const words = commandLine(pid);
    return pid !== process.pid && words[words.indexOf('--control') + 1] === socketPath;
  });
}

function processIds(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** Empty for a process that is gone, or that has ended and waits for its parent. */
function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
