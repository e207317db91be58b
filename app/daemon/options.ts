/** How culvertd is started: flags over environment over defaults. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { HOST_NAMES, type HostNames } from '../contract/host-plan.ts';
import { SOCKET_PATH } from '../contract/local-api.ts';

export interface DaemonOptions {
  socketPath: string;
  group: string;
  stateDirectory: string;
  runDirectory: string;
  enginePath: string;
  wireguard: 'engine' | 'kernel';
  logLevel: string;
  names: HostNames;
  /** Only this, then end: take everything back that the ledger names. */
  isRepair: boolean;
  /** Only this, then end: put the protection of the last configuration up, for the boot. */
  isProtect: boolean;
}

export const USAGE = `culvertd [options]

  --socket PATH      local API (CULVERT_SOCKET, ${SOCKET_PATH})
  --group NAME       who may use it besides root (culvert)
  --state DIR        identity, configuration, undo ledger (CULVERT_STATE, /var/lib/culvert)
  --run DIR          engine's control socket and log (CULVERT_RUN, /run/culvert)
  --engine PATH      culvert-engine (CULVERT_ENGINE, beside culvertd)
  --wireguard WHICH  engine, or kernel where the kernel has it (engine)
  --interface NAME   tunnel's network device (${HOST_NAMES.device})
  --table N          routing table and rule priority (${HOST_NAMES.table})
  --log-level LEVEL  error, warn, info, debug, trace (CULVERT_LOG, info)
  --repair           take everything of Culvert off this computer, print what was done as JSON, and end
  --protect          put up the protection of a device that is wanted on, and end: for the boot
  --help

culvertd runs as root, stays in the foreground, logs to stderr and leaves on SIGTERM or SIGINT. Tunnel and protection
stay as they are then: only “culvert down” takes them away.
`;

export class UsageError extends Error {}

export function readOptions(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv,
): DaemonOptions | 'help' {
  const flags = parse(argv);
  if (flags.help) return 'help';
  const { device, table } = {
    device: flags.interface ?? HOST_NAMES.device,
    table: numberOf(flags.table),
  };
  // Linux cuts names at 15 bytes; some programs stumble over anything else in them.
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,14}$/.test(device))
    throw new UsageError(`“${device}” is not a name for a device.`);
  return {
    socketPath: flags.socket ?? environment.CULVERT_SOCKET ?? SOCKET_PATH,
    group: flags.group ?? 'culvert',
    stateDirectory: flags.state ?? environment.CULVERT_STATE ?? '/var/lib/culvert',
    runDirectory: flags.run ?? environment.CULVERT_RUN ?? '/run/culvert',
    enginePath: flags.engine ?? environment.CULVERT_ENGINE ?? usualEngine(),
    wireguard: wireguardOf(flags.wireguard),
    logLevel: flags['log-level'] ?? environment.CULVERT_LOG ?? 'info',
    names: { ...HOST_NAMES, device, table, priority: table },
    isRepair: flags.repair ?? false,
    isProtect: flags.protect ?? false,
  };
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...argv],
      strict: true,
      options: {
        socket: text,
        group: text,
        state: text,
        run: text,
        engine: text,
        wireguard: text,
        interface: text,
        table: text,
        'log-level': text,
        repair: flag,
        protect: flag,
        help: flag,
      },
    }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause));
  }
}

function numberOf(text: string | undefined): number {
  if (text === undefined) return HOST_NAMES.table;
  const table = Number(text);
  // 253 to 255 are the kernel's own tables, and rules above 32765 come after main.
  if (!Number.isInteger(table) || table < 256 || table > 32_765)
    throw new UsageError(`--table: 256 to 32765, not “${text}”.`);
  return table;
}

/** Beside the installed program; in a checkout where cargo leaves it. */
function usualEngine(): string {
  const places = ['./culvert-engine', '../../native/target/release/culvert-engine'];
  const engines = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return engines.find((engine) => existsSync(engine)) ?? '/usr/lib/culvert/culvert-engine';
}

function wireguardOf(text: string | undefined): DaemonOptions['wireguard'] {
  if (text === undefined || text === 'engine') return 'engine';
  if (text === 'kernel') return 'kernel';
  throw new UsageError(`--wireguard: engine or kernel, not “${text}”.`);
}
