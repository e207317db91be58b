/** Hears what others change: `ip monitor` for the network, `nft monitor` for the firewall. Our own changes are left out. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { HostNames } from '../../../contract/host-plan.ts';
import type { WatchEvents } from '../host-network.ts';
import { type LinuxHost, PROGRAM_ENVIRONMENT } from './host.ts';

/** A roam is a burst of a dozen messages; one answer to it is enough. */
const QUIET_MS = 250;
/** Under a steady stream of changes somebody still has to be told. */
const LONGEST_WAIT_MS = 1_000;
const RESTART_MS = 1_000;

export interface MonitorEvents extends WatchEvents {
  /** Something of ours changed, by whomever, ourselves too: told at once, and again for each change. */
  oursChanged(): void;
}

export function monitorHost(host: LinuxHost, names: HostNames, events: MonitorEvents): () => void {
  const network = debounced(() => events.networkChanged());
  const protection = debounced(() => events.protectionTouched());
  const monitors = [
    keepReading(
      host,
      'ip',
      ['-o', 'monitor', 'link', 'address', 'route', 'rule'],
      (line) => {
        if (concernsUs(line, names)) events.oursChanged();
        const touched = whatChanged(line, names);
        if (touched === 'network') network.call();
        if (touched === 'protection') protection.call();
      },
      () => events.oursChanged(),
    ),
    keepReading(
      host,
      'nft',
      ['monitor'],
      (line) => {
        if (concernsUs(line, names)) events.oursChanged();
        if (isFirewallChange(line, names)) protection.call();
      },
      () => events.oursChanged(),
    ),
  ];
  return () => {
    for (const one of [network, protection, ...monitors]) one.stop();
  };
}

/** Whether a line of either monitor may be about our table, rule, device or firewall; once too often does no harm. */
function concernsUs(line: string, names: HostNames): boolean {
  const { table, priority, device, firewallTable } = names;
  return [`${table}`, `${priority}:`, device, `inet ${firewallTable}`].some((name) =>
    line.includes(name),
  );
}

/** Of one line of `ip -o monitor`. */
export function whatChanged(line: string, names: HostNames): 'network' | 'protection' | 'nothing' {
  // Another program's rule beside ours: whoever comes later stands behind, but people should know.
  if (line.startsWith(`${names.priority}:`) && !line.includes(`lookup ${names.table}`))
    return 'protection';
  if (new RegExp(`(lookup|table) ${names.table}\\b|^(Deleted )?${names.priority}:`).test(line)) {
    // Routes into the tunnel come and go with its device; what refuses does not.
    return line.startsWith('Deleted ') && !line.includes(` dev ${names.device} `)
      ? 'protection'
      : 'nothing';
  }
  if (line.includes(`${names.device}`)) return 'nothing';
  // The cache of IPv6 destinations and neighbours says nothing about ways.
  return line.trim() === '' || /\bcache\b/.test(line) ? 'nothing' : 'network';
}

/** Of one line of `nft monitor`: additions are ours or do not hurt. */
export function isFirewallChange(line: string, names: HostNames): boolean {
  return line.startsWith('delete ') && line.includes(`inet ${names.firewallTable}`);
}

interface Stoppable {
  stop(): void;
}

function debounced(run: () => void): Stoppable & { call(): void } {
  let timer: NodeJS.Timeout | undefined;
  let since: number | undefined;
  const fire = () => {
    since = undefined;
    run();
  };
  return {
    call() {
      clearTimeout(timer);
      since ??= performance.now();
      const left = LONGEST_WAIT_MS - (performance.now() - since);
      timer = setTimeout(fire, Math.max(0, Math.min(QUIET_MS, left)));
    },
    stop() {
      clearTimeout(timer);
    },
  };
}

/** Starts again whatever ends it: a monitor that overflowed exits. What happened in the gap is told by `onGap` alone. */
function keepReading(
  host: LinuxHost,
  program: 'ip' | 'nft',
  argv: string[],
  onLine: (line: string) => void,
  onGap: () => void,
): Stoppable {
  let isStopped = false;
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  const start = () => {
    const { file, argv: all } = host.command(program, argv);
    const started = spawn(file, all, {
      env: PROGRAM_ENVIRONMENT,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    child = started;
    createInterface({ input: started.stdout }).on('line', onLine);
    started.once('error', () => {});
    started.once('close', () => {
      onGap();
      if (!isStopped) timer = setTimeout(start, RESTART_MS);
    });
  };
  start();
  return {
    stop() {
      isStopped = true;
      clearTimeout(timer);
      child?.kill('SIGKILL');
    },
  };
}
