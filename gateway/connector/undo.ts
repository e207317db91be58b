/** `culvert-connector undo`: gives back what a run that was killed has left, its engine and what the kernel was told. */
import { join } from 'node:path';
import { Engine } from '../../native/client/engine.ts';
import { thisHost } from './kernel/host.ts';
import { KernelForwarding } from './kernel/kernel-forwarding.ts';
import { KernelLedger } from './kernel/ledger.ts';

/** What was given back, in words; rejects with what the kernel says where it does not take something. */
export async function undoConnector(folder: string): Promise<string[]> {
  const hadEngine = await endEngine(join(folder, 'engine.sock'));
  const given = await new KernelForwarding(thisHost, new KernelLedger(folder)).undo();
  return [...(hadEngine ? ['the engine'] : []), ...given];
}

async function endEngine(socketPath: string): Promise<boolean> {
  try {
    const engine = await Engine.open(socketPath);
    await engine.shutdown();
    return true;
  } catch {
    // None is there.
    return false;
  }
}
