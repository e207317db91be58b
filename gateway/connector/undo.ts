/** `culvert-connector undo`: gives back what a run that was killed has left, its engine and what the kernel was told. */
import { join } from 'node:path';
import { Engine } from '../../native/client/engine.ts';
import { thisHost } from './kernel/host.ts';
import { KernelForwarding } from './kernel/kernel-forwarding.ts';
import { KernelLedger } from './kernel/ledger.ts';

export async function undoConnector(folder: string): Promise<void> {
  await endEngine(join(folder, 'engine.sock'));
  await new KernelForwarding(thisHost, new KernelLedger(folder)).undo();
}

async function endEngine(socketPath: string): Promise<void> {
  try {
    const engine = await Engine.open(socketPath);
    await engine.shutdown();
  } catch {
    // None is there.
  }
}
