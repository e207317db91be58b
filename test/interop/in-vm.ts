/** Our engine and the kernel's WireGuard, in a VM whose kernel has it. What is slow there is slow because of the VM. */
import { spawnSync } from 'node:child_process';
import { repository } from '../lab/host.ts';

const CANNOT_START = 77;
const argv = [
  '--timeout',
  '900',
  '--verbose',
  '--',
  'node_modules/.bin/node',
  'test/interop/main.ts',
  '--with',
  'kernel',
];
const short = ['--minutes', '0.5', '--interval', '0.2'];
const more = process.argv.slice(2);
const { status } = spawnSync(
  'test/kernel-wg-vm/vm-run',
  [...argv, ...(more.length > 0 ? more : short)],
  {
    cwd: repository,
    stdio: 'inherit',
  },
);
if (status === CANNOT_START)
  console.error('No VM can be started on this machine, so nothing was tested.');
process.exit(status ?? 1);
