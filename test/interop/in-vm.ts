/**
 * Our engine and the kernel's WireGuard, in a VM whose kernel has it; ten minutes, so that every session is renewed four times.
 * What is slow there is slow because of the VM.
 */
import { spawnSync } from 'node:child_process';
import { readCommandOptions, readPositive } from '../command-options.ts';
import { repository } from '../lab/host.ts';

const CANNOT_START = 77;
/** The VM's start, its host's programs read through 9p, sixteen interfaces, and the pings with the new key. */
const BESIDES_SECONDS = 900;

const USAGE = 'npm run kernel -- [--minutes N] [--interval SECONDS]';
const values = readCommandOptions(
  {
    minutes: { type: 'string', default: '10' },
    interval: { type: 'string', default: '0.1' },
  },
  USAGE,
);
const minutes = readPositive('--minutes', values.minutes, USAGE);
const timeout = Math.ceil(minutes * 60 * 2 + BESIDES_SECONDS);
const inside = ['--with', 'kernel', '--minutes', values.minutes, '--interval', values.interval];
const { status } = spawnSync(
  'test/kernel-wg-vm/vm-run',
  [
    '--timeout',
    String(timeout),
    '--verbose',
    '--',
    'node_modules/.bin/node',
    'test/interop/main.ts',
    ...inside,
  ],
  { cwd: repository, stdio: 'inherit' },
);
if (status === CANNOT_START)
  console.error('No VM can be started on this machine, so nothing was tested.');
process.exit(status ?? 1);
