/** The tray app in a real Electron inside a lab host, as an ordinary user with a screen, driven from outside. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import type { Service } from '../lab/command.ts';
import { type Host, repository } from '../lab/host.ts';
import { type InMain, runInMain } from './main-process.ts';

const relay = fileURLToPath(new URL('electron-relay.ts', import.meta.url));
const DISPLAY = ':7';
export const SCREEN_ENVIRONMENT = { DISPLAY };
const APP = ['/opt/culvert/app/desktop', '--disable-gpu'];

/** An X server in the host: its socket is reachable from inside only. */
export async function startScreen(host: Host, user = 'alice'): Promise<Service> {
  const screen = host.start(
    'screen',
    [
      'Xvfb',
      DISPLAY,
      '-screen',
      '0',
      '1280x800x24',
      '-nolisten',
      'tcp',
      // Without it the server starts over whenever its last client leaves, and refuses whoever comes in between.
      '-noreset',
      '-displayfd',
      '1',
      '-fbdir',
      '/tmp',
    ],
    { user },
  );
  await screen.waitFor(/^7$/m);
  return screen;
}

export class LabDesktop {
  readonly #app: ElectronApplication;
  readonly #host: Host;
  readonly #folder: string;
  #window: Page | undefined;

  private constructor(app: ElectronApplication, host: Host, folder: string) {
    this.#app = app;
    this.#host = host;
    this.#folder = folder;
  }

  static async open(host: Host, user = 'alice'): Promise<LabDesktop> {
    const desktop = await LabDesktop.start(host, [], user);
    desktop.#window = await desktop.#app.firstWindow();
    return desktop;
  }

  /** Without waiting for a window. */
  static async start(host: Host, args: string[], user = 'alice'): Promise<LabDesktop> {
    await playBrowser(host, user);
    const argv = await electronArgv(user);
    const folder = await mkdtemp(path.join(tmpdir(), 'culvert-desktop-'));
    try {
      const app = await _electron.launch({
        executablePath: await writeLauncher(host, host.enter(argv, user), folder),
        chromiumSandbox: true,
        // What the app sets, and not what Playwright would.
        colorScheme: null,
        args: [...APP, ...args],
      });
      return new LabDesktop(app, host, folder);
    } catch (cause) {
      await rm(folder, { recursive: true, force: true });
      throw cause;
    }
  }

  get window(): Page {
    if (!this.#window) throw new Error('the app was started without a window');
    return this.#window;
  }

  /** What the steps give in the app's main process; they see nothing of the test's but their argument. */
  async evaluate<Result>(steps: InMain<Result>): Promise<Result>;
  async evaluate<Result, Argument>(
    steps: InMain<Result, Argument>,
    argument: Argument,
  ): Promise<Result>;
  async evaluate<Result, Argument>(
    steps: InMain<Result, Argument | undefined>,
    argument?: Argument,
  ): Promise<Result> {
    return await runInMain(this.#app, steps, argument);
  }

  /** The window that opens next. */
  async nextWindow(): Promise<Page> {
    return await this.#app.waitForEvent('window');
  }

  /** Once the app has ended. */
  async ended(): Promise<void> {
    await this.#app.waitForEvent('close');
  }

  /** What the app gave the system's browser, oldest first. */
  async openedAddresses(user = 'alice'): Promise<string[]> {
    const { stdout } = await this.#host.try(['cat', `/home/${user}/opened`]);
    return stdout.split('\n').filter((line) => line !== '');
  }

  async resize(width: number, height: number): Promise<void> {
    await this.evaluate(
      ({ BrowserWindow }, size) =>
        BrowserWindow.getAllWindows()[0]?.setContentSize(size.width, size.height),
      { width, height },
    );
  }

  /** What a click on the launcher does while the app runs already; its exit code. */
  async startAgain(user = 'alice'): Promise<number | null> {
    const again = await this.#host.try([...(await electronArgv(user)), ...APP], { user });
    return again.code;
  }

  async close(): Promise<void> {
    await this.#app.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Debian's xdg-open would start a browser; this one notes what it was asked to open. */
async function playBrowser(host: Host, user: string): Promise<void> {
  await host.write(
    '/usr/local/bin/xdg-open',
    '#!/bin/sh\nprintf "%s\\n" "$1" >>"$HOME/opened"\n',
    0o755,
  );
  await host.run(['rm', '-f', `/home/${user}/opened`]);
}

/** With a session's environment and nothing of ours. */
async function electronArgv(user: string): Promise<string[]> {
  const executable = (await electronExecutable()).replace(repository, '/opt/culvert');
  const environment = ['PATH=/usr/local/bin:/usr/bin:/bin', 'LANG=en_GB.UTF-8'];
  return ['env', '-i', ...environment, `DISPLAY=${DISPLAY}`, `HOME=/home/${user}`, executable];
}

async function writeLauncher(host: Host, inside: string[], folder: string): Promise<string> {
  const argv = [process.execPath, relay, String(host.pid), ...inside];
  const launcher = path.join(folder, 'electron');
  await writeFile(launcher, `#!/bin/sh\nexec ${argv.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  await chmod(launcher, 0o755);
  return launcher;
}

/** In the repository's own cache, which a lab host sees at /opt/culvert. */
export async function electronExecutable(): Promise<string> {
  const { stdout } = await promisify(execFile)(
    'bash',
    [path.join(repository, 'test/electron-runtime/prepare')],
    {
      env: {
        ...process.env,
        ELECTRON_RUNTIME_DIR: path.join(repository, '.cache/electron-runtime'),
      },
    },
  );
  return stdout.trim();
}
