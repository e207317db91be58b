/** A real Chromium that runs inside a lab host, as an ordinary user, and is driven from outside. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { Host } from '../lab/host.ts';
import { GATEWAY_ADDRESS, GATEWAY_NAME, PROVIDER_ADDRESS, PROVIDER_NAME } from './topology.ts';

export class LabBrowser {
  readonly #browser: Browser;
  readonly #folder: string;

  private constructor(browser: Browser, folder: string) {
    this.#browser = browser;
    this.#folder = folder;
  }

  static async open(host: Host, user = 'alice'): Promise<LabBrowser> {
    const folder = await mkdtemp(path.join(tmpdir(), 'culvert-browser-'));
    try {
      const launcher = await writeLauncher(host, user, folder);
      return new LabBrowser(await launch(launcher), folder);
    } catch (cause) {
      await rm(folder, { recursive: true, force: true });
      throw cause;
    }
  }

  /** A fresh profile. The lab's certificates are self-signed: people see the warning once, tests do not. */
  async context(
    options: { locale?: string; colorScheme?: 'light' | 'dark' } = {},
  ): Promise<BrowserContext> {
    return await this.#browser.newContext({ ignoreHTTPSErrors: true, ...options });
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function writeLauncher(host: Host, user: string, folder: string): Promise<string> {
  const launcher = path.join(folder, 'chromium');
  const argv = host
    // Temporary files go where the host has room for them, not where we have.
    .enter(['env', '--unset=TMPDIR', `HOME=/home/${user}`, 'chromium'], user)
    .map((word) => `'${word}'`)
    .join(' ');
  await writeFile(launcher, `#!/bin/sh\nexec ${argv} "$@"\n`);
  await chmod(launcher, 0o755);
  return launcher;
}

async function launch(executablePath: string): Promise<Browser> {
  return await chromium.launch({
    executablePath,
    chromiumSandbox: false,
    // Playwright would end this process in the middle of its own cleaning up.
    handleSIGHUP: false,
    handleSIGINT: false,
    handleSIGTERM: false,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-dev-shm-usage',
      // Chromium resolves *.localhost to loopback by itself; in the lab these names are other machines.
      `--host-resolver-rules=MAP ${GATEWAY_NAME} ${GATEWAY_ADDRESS}, MAP ${PROVIDER_NAME} ${PROVIDER_ADDRESS}`,
    ],
  });
}

/**
 * Opens an address as people do: once more when the machine's network changed on the way. A browser that shows its page
 * of errors loads again by itself then; one that is driven reports the first attempt only.
 */
export async function openAddress(page: Page, address: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await page.goto(address);
      return;
    } catch (cause) {
      if (attempt === 3 || !String(cause).includes('ERR_NETWORK_CHANGED')) throw cause;
    }
  }
}

/** Agrees on the gateway's page that names the device's person; the provider's page before it has a button of that name, too. */
export async function agreeAtGateway(page: Page): Promise<void> {
  await page.getByRole('heading', { name: 'Sign in on this device' }).waitFor();
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Fills in the provider's own page, wherever the sign-in has led to it. */
export async function signInAtProvider(page: Page, name: string, password: string): Promise<void> {
  await page.getByLabel('User name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
