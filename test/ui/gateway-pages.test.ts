/**
 * The pages that the gateway draws itself, in a real Chromium: they work without scripts under their own policy, lead
 * back to the app on this computer, and pass an accessibility check in both colour schemes.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  ALICE,
  BOB,
  CLIENT,
  type Organisation,
  startOrganisation,
} from '../gateway/organisation.ts';
import { authorisation } from '../gateway/sign-in.ts';
import { openAddress } from '../world/browser.ts';

let browser: Browser;
let app: Server;
let organisation: Organisation;
let context: BrowserContext;
let page: Page;
/** What the browser itself objected to. */
let violations: string[];

beforeAll(async () => {
  browser = await chromium.launch({
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
  app = createServer((request, response) => response.end(`<title>app</title>${request.url}`));
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await browser?.close();
  app?.close();
  await organisation?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await context?.close();
  context = await browser.newContext({ ignoreHTTPSErrors: true });
  page = await context.newPage();
  violations = [];
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) violations.push(message.text());
  });
});

test('set-up, by hand, to an owner who is signed in', async () => {
  organisation = await startOrganisation({ isNew: true });
  await openAddress(page, organisation.built.setupLink ?? '');
  await expectAccessible();

  await page.getByLabel('Name of your organisation').fill('Example');
  await page.getByLabel('Address of the provider').fill(organisation.provider.issuer);
  await page.getByLabel('Client id').fill(CLIENT.clientId);
  await page.getByLabel('Client secret').fill(CLIENT.clientSecret);
  await page.getByLabel('Your e-mail address there').fill(ALICE.email);
  await page.getByRole('button', { name: 'Set up and sign in' }).click();
  await logIn(ALICE.username, 'wrong');
  expect(await page.getByRole('alert').textContent()).toBe('Wrong user name or password.');
  await logIn(ALICE.username, ALICE.password);

  await page.waitForURL((url) => url.origin === organisation.url);
  const session = await page.request.get(`${organisation.url}/v1/admin/session`);
  expect(await session.json()).toMatchObject({ role: 'owner', organisation: { name: 'Example' } });
  expect(violations).toEqual([]);
});

test('a device’s sign-in, another account, and the way back to the app', async () => {
  await openAddress(page, deviceLink());
  await logIn(ALICE.username, ALICE.password);
  await page
    .getByRole('heading', { name: 'Sign in on this device as alice@example.com?' })
    .waitFor();
  await expectAccessible();

  await page.getByRole('link', { name: 'Use another account' }).click();
  await logIn(BOB.username, BOB.password);
  await page.getByRole('heading', { name: 'Sign in on this device as bob@example.com?' }).waitFor();
  await page.getByRole('button', { name: 'Sign in' }).click();

  await page.waitForURL((url) => url.hostname === '127.0.0.1');
  expect(new URL(page.url()).searchParams.get('code')).toBeTruthy();
  expect(violations).toEqual([]);
});

test('cancelling on either page leads back to the app, signed in as nobody', async () => {
  await openAddress(page, deviceLink());
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expectCancelled();

  await openAddress(page, deviceLink());
  await logIn(ALICE.username, ALICE.password);
  await page.getByRole('heading', { name: 'Sign in on this device' }).waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expectCancelled();
  expect(violations).toEqual([]);
});

async function expectCancelled(): Promise<void> {
  await page.waitForURL((url) => url.hostname === '127.0.0.1');
  expect(new URL(page.url()).searchParams.get('error')).toBe('access_denied');
}

function deviceLink(): string {
  const { port } = app.address() as AddressInfo;
  return authorisation(organisation, { redirect_uri: `http://127.0.0.1:${port}/cb` }).url.href;
}

async function logIn(username: string, password: string): Promise<void> {
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function expectAccessible(): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const { violations: found } = await new AxeBuilder({ page }).analyze();
    expect(found.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])).toEqual([]);
  }
}
