/** The laptop as a person has it: Culvert installed by its own installer, alice in the group, culvertd started as a service. */
import { join } from 'node:path';
import { type Finished, type RunOptions, type Service, succeed } from '../lab/command.ts';
import { type Host, repository } from '../lab/host.ts';
import { agreeAtGateway, type LabBrowser, openAddress, signInAtProvider } from './browser.ts';
import type { Person } from './provider.ts';

export class Device {
  readonly host: Host;
  readonly user: string;
  daemon: Service;
  /** Of culvertd, as a service manager would give it. */
  readonly #environment: Record<string, string>;

  private constructor(
    host: Host,
    user: string,
    daemon: Service,
    environment: Record<string, string>,
  ) {
    this.host = host;
    this.user = user;
    this.daemon = daemon;
    this.#environment = environment;
  }

  static async install(
    host: Host,
    user = 'alice',
    environment: Record<string, string> = {},
  ): Promise<Device> {
    await runInstaller(host, user);
    // A first contact asks a person whether the key is right; nobody is there to answer.
    await host.write(`/home/${user}/.ssh/config`, 'Host *\n  StrictHostKeyChecking accept-new\n');
    await host.run(['chown', '-R', `${user}:`, `/home/${user}/.ssh`]);
    return new Device(host, user, await Device.#launch(host, environment), environment);
  }

  /** Again after it ended: what a service manager does. */
  async restart(): Promise<void> {
    this.daemon = await Device.#launch(this.host, this.#environment);
  }

  /** As the kernel does when memory runs out: no good-bye. */
  async killDaemon(): Promise<void> {
    await this.daemon.stop('SIGKILL');
  }

  async killEngine(): Promise<void> {
    await this.host.run(['kill', '-KILL', String(await this.enginePid())]);
  }

  async enginePid(): Promise<number> {
    return Number(await this.host.run(['pgrep', '-x', 'culvert-engine']));
  }

  static async #launch(host: Host, env: Record<string, string>): Promise<Service> {
    const daemon = host.start('culvertd', ['/usr/sbin/culvertd'], { env });
    await daemon.waitFor(/culvertd runs/);
    return daemon;
  }

  async culvert(args: string[], options: RunOptions = {}): Promise<string> {
    return await this.host.run(['culvert', ...args], { user: this.user, ...options });
  }

  async tryCulvert(args: string[], options: RunOptions = {}): Promise<Finished> {
    return await this.host.try(['culvert', ...args], { user: this.user, ...options });
  }

  /** `culvert login`, with the browser that the person would have: it opens the printed address and logs in at the provider. */
  async signIn(browser: LabBrowser, joinLink: string, person: Person): Promise<string> {
    const login = this.host.start('culvert login', ['culvert', 'login', joinLink, '--no-browser'], {
      user: this.user,
    });
    const [address = ''] = await login.waitFor(/https:\/\/\S+\/oauth\/\S+/);
    const context = await browser.context();
    try {
      const page = await context.newPage();
      await openAddress(page, address);
      await signInAtProvider(page, person.username, person.password);
      await agreeAtGateway(page);
      const [code] = await login.ended;
      if (code !== 0) throw new Error(`culvert login ended with exit code ${code}:\n${login.log}`);
      return login.log;
    } finally {
      await context.close();
    }
  }
}

/** As `sudo app/packaging/install.sh` runs it; again to upgrade. */
export async function runInstaller(host: Host, user: string): Promise<string> {
  await bundleOnce();
  return await host.run(['/opt/culvert/app/packaging/install.sh'], { env: { SUDO_USER: user } });
}

let bundling: Promise<string> | undefined;

/** The installer refuses a build that is older than the sources, and whoever runs one scenario has just changed them. */
function bundleOnce(): Promise<string> {
  bundling ??= succeed([
    join(repository, 'node_modules/.bin/node'),
    join(repository, 'app/bundle.ts'),
  ]);
  return bundling;
}
