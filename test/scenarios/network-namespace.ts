/** Two computers and a cable, for tests of what the kernel does with a plan: bare network namespaces, gone afterwards. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  type LinuxHost,
  type Program,
  type Ran,
  runFile,
  thisHost,
} from '../../app/daemon/network/linux/host.ts';

const NSENTER = '/usr/bin/nsenter';
const IP = '/usr/sbin/ip';

export class Namespace implements LinuxHost {
  static #made = 0;
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  static async create(role: string): Promise<Namespace> {
    const namespace = new Namespace(`culvert-net-${role}-${process.pid}-${Namespace.#made++}`);
    await must(runFile(IP, ['netns', 'add', namespace.name]));
    await namespace.sh('ip link set lo up');
    return namespace;
  }

  async remove(): Promise<void> {
    const { stdout } = await runFile(IP, ['netns', 'pids', this.name]);
    for (const pid of stdout.split('\n').filter(Boolean)) end(Number(pid));
    await runFile(IP, ['netns', 'del', this.name]);
  }

  /** A shell line inside; throws with its stderr when it fails. */
  async sh(line: string): Promise<string> {
    return (await must(this.try(line))).stdout;
  }

  try(line: string): Promise<Ran> {
    return this.#enter('/bin/bash', ['-c', line]);
  }

  /** A program that goes on until it is stopped. */
  spawn(file: string, argv: readonly string[]): ChildProcess {
    const entered = [`--net=/run/netns/${this.name}`, '--', file, ...argv];
    return spawn(NSENTER, entered, { stdio: ['ignore', 'pipe', 'ignore'] });
  }

  run(program: Program, argv: readonly string[], input?: string): Promise<Ran> {
    return this.#enter(thisHost.command(program, []).file, argv, input);
  }

  command(program: Program, argv: readonly string[]): { file: string; argv: string[] } {
    const inner = thisHost.command(program, argv);
    return {
      file: NSENTER,
      argv: [`--net=/run/netns/${this.name}`, '--', inner.file, ...inner.argv],
    };
  }

  has(program: Program): boolean {
    return thisHost.has(program);
  }

  async readSetting(key: string): Promise<string | undefined> {
    const { status, stdout } = await this.try(`cat /proc/sys/${key}`);
    return status === 0 ? stdout.trim() : undefined;
  }

  async writeSetting(key: string, value: string): Promise<void> {
    await this.sh(`echo ${value} > /proc/sys/${key}`);
  }

  hasTun(): boolean {
    return thisHost.hasTun();
  }

  hasIpv6(): boolean {
    return thisHost.hasIpv6();
  }

  isRoot(): boolean {
    return thisHost.isRoot();
  }

  #enter(file: string, argv: readonly string[], input?: string): Promise<Ran> {
    return runFile(NSENTER, [`--net=/run/netns/${this.name}`, '--', file, ...argv], input);
  }
}

/** It may have ended by itself since it was listed. */
function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

async function must(running: Promise<Ran>): Promise<Ran> {
  const ran = await running;
  if (ran.status !== 0) throw new Error(ran.stderr.trim() || `exit status ${ran.status}`);
  return ran;
}

/** What an engine does at its start and end, as far as the kernel sees: packets into this device are read by nobody. */
export async function addTunnelDevice(host: Namespace): Promise<void> {
  await host.sh('ip tuntap add culvert0 mode tun && ip link set culvert0 up');
}

export async function removeTunnelDevice(host: Namespace): Promise<void> {
  await host.sh('ip link del culvert0');
}

export interface Cable {
  dev: Namespace;
  lan: Namespace;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 *   dev                            lan (router of the home network, and its attacker)
 *   lan0 172.30.0.2 ─────────────── dev0 172.30.0.1
 *        fd30::2                         fd30::1
 */
export async function homeNetwork(): Promise<Cable> {
  const dev = await Namespace.create('dev');
  const lan = await Namespace.create('lan');
  const dispose = async () => {
    await Promise.all([dev.remove(), lan.remove()]);
  };
  try {
    await must(
      runFile(
        IP,
        `link add lan0 netns ${dev.name} type veth peer name dev0 netns ${lan.name}`.split(' '),
      ),
    );
    await lan.sh(
      'ip link set dev0 addrgenmode none up && ip addr add 172.30.0.1/24 dev dev0 && ip -6 addr add fd30::1/64 dev dev0 nodad',
    );
    await dev.sh(
      `ip link set lan0 addrgenmode none up && ip addr add 172.30.0.2/24 dev lan0 && ip -6 addr add fd30::2/64 dev lan0 nodad
       ip route add default via 172.30.0.1 && ip -6 route add default via fd30::1
       until ip -brief link show lan0 | grep -q ' UP '; do sleep 0.01; done`,
    );
  } catch (cause) {
    await dispose();
    throw cause;
  }
  return { dev, lan, [Symbol.asyncDispose]: dispose };
}
