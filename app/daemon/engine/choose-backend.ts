/** The kernel's WireGuard where it is, our engine where it is not or is preferred. */
import type { Backend } from './backend.ts';
import { EngineBackend, type EngineBackendOptions } from './engine-backend.ts';
import { KernelBackend } from './kernel-backend.ts';

export async function chooseBackend(
  options: EngineBackendOptions,
  prefer: 'engine' | 'kernel' = 'engine',
): Promise<Backend> {
  const useKernel = prefer === 'kernel' && (await KernelBackend.isAvailable());
  return useKernel ? new KernelBackend(options.device) : new EngineBackend(options);
}
