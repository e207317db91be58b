/** One machine of the lab: namespaces behind a first process that dies with us. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  CommandFailed,
  type Finished,
  finish,
  type RunOptions,
  Service,
  succeed,
} from './command.ts';
import { childrenOf } from './process-tree.ts';

const initScript = fileURLToPath(new URL('init.sh', import.meta.url));
export const repository = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');

/** What a login shell would have; nothing of the environment that started the tests. */
const cleanEnv = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
  TERM: 'dumb',
};

export class Host {
  readonly name: string;
  /** Process id, outside, of the host's first process: what `nsenter --target` takes. */
  readonly pid: number;
  readonly #first: ChildProcess;
  readonly #services: Service[] = [];

  private constructor(name: string, first: ChildProcess, pid: number) {
    this.name = name;
    this.#first = first;
    this.pid = pid;
  }

  static async start(name: string, holds: 'culvert' | 'bare'): Promise<Host> {
    const unshare = ['--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child=KILL'];
    const first = spawn(
      'unshare',
      [...unshare, '--propagation', 'private', 'bash', initScript, name, repository, holds],
      { stdio: ['pipe', 'pipe', 'pipe'], env: { ...cleanEnv, ...runOfOurs() }, detached: true },
    );
    let said = '';
    first.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await new Promise<void>((resolve, reject) => {
      first.stdout.once('data', () => resolve());
      first.once('close', () =>
        reject(new Error(`host ${name} did not start: ${said.trim() || 'no reason given'}`)),
      );
      first.once('error', reject);
    });
    return new Host(name, first, await onlyChild(first.pid ?? -1));
  }

  /** How to run a program in here from outside, for tools that spawn by themselves. */
  enter(argv: readonly string[], user?: string): string[] {
    const become = user === undefined ? [] : becomeUser(user);
    return [
      'nsenter',
      '--target',
      String(this.pid),
      '--net',
      '--mount',
      '--pid',
      '--uts',
      '--ipc',
      '--root',
      '--wd',
      '--',
      ...become,
      ...argv,
    ];
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    return await succeed(this.enter(argv, options.user), this.#inside(options));
  }

  /** As `run`, but any exit code is an answer. */
  async try(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return await finish(this.enter(argv, options.user), this.#inside(options));
  }

  async sh(script: string, options: RunOptions = {}): Promise<string> {
    return await this.run(['bash', '-euo', 'pipefail', '-c', script], options);
  }

  start(name: string, argv: readonly string[], options: RunOptions = {}): Service {
    const service = new Service(
      `${this.name}/${name}`,
      this.enter(argv, options.user),
      this.#inside(options),
    );
    this.#services.push(service);
    return service;
  }

  async write(path: string, text: string, mode = 0o644): Promise<void> {
    await this.run(
      [
        'sh',
        '-c',
        'mkdir -p "$(dirname "$1")"; umask 077; cat >"$1"; chmod "$2" "$1"',
        'write',
        path,
        mode.toString(8),
      ],
      { input: text },
    );
  }

  async read(path: string): Promise<string> {
    return await this.run(['cat', path]);
  }

  /** Everything in the host is gone when this returns. */
  async stop(): Promise<void> {
    if (this.#first.exitCode !== null || this.#first.signalCode !== null) return;
    const closed = once(this.#first, 'close');
    this.#first.stdin?.end();
    const timer = setTimeout(() => this.#first.kill('SIGKILL'), 3_000);
    await closed;
    clearTimeout(timer);
  }

  /** Logs of every service, for the message of a failed test. */
  get logs(): string {
    return this.#services.map((service) => `--- ${service.name}\n${service.log}`).join('\n');
  }

  #inside(options: RunOptions): RunOptions {
    const home = options.user === undefined ? '/root' : `/home/${options.user}`;
    const user = options.user ?? 'root';
    return {
      ...options,
      env: { ...cleanEnv, HOME: home, USER: user, LOGNAME: user, ...options.env },
    };
  }
}

export { CommandFailed };

/** The run that this host belongs to, for whoever looks for what a run has left behind (test/setup/left-behind.mjs). */
function runOfOurs(): Record<string, string> {
  const run = process.env.CULVERT_RUN;
  return run === undefined ? {} : { CULVERT_RUN: run };
}

function becomeUser(user: string): string[] {
  // --init-groups reads the host's own /etc/group, so that being added to `culvert` counts.
  return ['setpriv', '--reuid', user, '--regid', user, '--init-groups', '--inh-caps=-all', '--'];
}

async function onlyChild(pid: number): Promise<number> {
  const [child] = await childrenOf(pid);
  if (child === undefined) throw new Error(`process ${pid} has no child`);
  return child;
}
