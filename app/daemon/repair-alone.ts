/** `culvertd --repair`: everything taken back without a daemon, the engine that outlived it included. */
import type { z } from 'zod';
import type { RepairAnswer } from '../contract/local-api.ts';
import { reasonOf } from '../contract/problem.ts';
import { EngineBackend, type EngineBackendOptions } from './engine/engine-backend.ts';
import { KernelBackend } from './engine/kernel-backend.ts';
import type { HostNetwork } from './network/host-network.ts';

export async function repairAlone(
  network: Pick<HostNetwork, 'repair'>,
  engine: EngineBackendOptions,
): Promise<z.infer<typeof RepairAnswer>> {
  // Routes before the device that they lead to: their undoing is then ours and not the kernel's.
  const { undone, kept } = await network.repair();
  for (const backend of [new EngineBackend(engine), new KernelBackend(engine.device)]) {
    try {
      if (await backend.stop()) undone.push(`device ${engine.device}`);
    } catch (cause) {
      kept.push(`device ${engine.device}: ${reasonOf(cause)}`);
    }
  }
  return { undone, kept };
}
