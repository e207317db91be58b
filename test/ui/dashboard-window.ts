/** The dashboard of an organisation in this process, in a headless Chromium, with somebody signed in. */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { SESSION_COOKIE } from '../../gateway/control/login/browser-session.ts';
import type { Role } from '../../gateway/control/store/database.ts';
import { hashSecret, newSecret } from '../../gateway/control/store/identifier.ts';
import type { Organisation } from '../gateway/organisation.ts';
import { openAddress } from '../world/browser.ts';

export interface WindowOptions {
  width?: number;
  height?: number;
  colorScheme?: 'light' | 'dark';
  locale?: string;
  role?: Role;
  reducedMotion?: 'reduce' | 'no-preference';
}

export interface DashboardWindow {
  page: Page;
  context: BrowserContext;
  /** What the browser objected to: its own policy, or a script that failed. */
  objections: string[];
}

export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    chromiumSandbox: false,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-dev-shm-usage',
    ],
  });
}

export async function openDashboard(
  browser: Browser,
  organisation: Organisation,
  { width = 1440, height = 900, role = 'owner', ...options }: WindowOptions = {},
): Promise<DashboardWindow> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width, height },
    locale: 'en-GB',
    permissions: ['clipboard-read', 'clipboard-write'],
    ...options,
  });
  const value = await sessionOf(organisation, role);
  await context.addCookies([
    { name: SESSION_COOKIE, value, url: organisation.url, secure: true, httpOnly: true },
  ]);
  const page = await context.newPage();
  const objections: string[] = [];
  page.on('pageerror', (error) => objections.push(error.message));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) objections.push(message.text());
  });
  await openAddress(page, organisation.url);
  return { page, context, objections };
}

/** As the sign-in leaves it behind; the sign-in itself has its own tests. */
async function sessionOf({ store }: Organisation, role: Role): Promise<string> {
  const id = `usr_${role}`;
  const now = store.clock();
  const person = { id, issuer: 'https://login.example.com', subject: role, role };
  await store.db
    .insertInto('users')
    .values({
      ...person,
      email: `${role}@example.com`,
      name: `The ${role}`,
      createdAt: now,
      lastSignInAt: now,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
  const secret = newSecret();
  const expiresAt = now + 3_600_000;
  await store.db
    .insertInto('browserSessions')
    .values({ idHash: hashSecret(secret), userId: id, createdAt: now, expiresAt })
    .execute();
  return secret;
}
