/** Every view of the dashboard: accessible in both schemes, nothing cut off at 320 px, under its own policy, in both languages. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Organisation, startOrganisation } from '../gateway/organisation.ts';
import { lists, type Place, places, visit } from './dashboard-places.ts';
import {
  type DashboardWindow,
  openDashboard,
  startBrowser,
  type WindowOptions,
} from './dashboard-window.ts';
import { fill } from './filled-organisation.ts';

let browser: Browser;
let filled: Organisation;
let empty: Organisation;
let view: DashboardWindow | undefined;

beforeAll(async () => {
  browser = await startBrowser();
  [filled, empty] = [await startOrganisation(), await startOrganisation()];
  await fill(filled.store, {
    devices: 60,
    people: 12,
    networks: 5,
    rules: 6,
    entries: 40,
    changes: 12,
  });
});
afterEach(async () => {
  expect(view?.objections ?? []).toEqual([]);
  await view?.context.close();
  view = undefined;
});
afterAll(async () => {
  await browser?.close();
  await filled?.[Symbol.asyncDispose]();
  await empty?.[Symbol.asyncDispose]();
});

test.each(['light', 'dark'] as const)('every view is accessible in %s', async (colorScheme) => {
  const page = await open(filled, { colorScheme });

  expect(await violationsIn(page, filled, places)).toEqual([]);
});

test.each(['light', 'dark'] as const)(
  'at 320 px, or 200 % of 640, every view is accessible in %s and none scrolls sideways',
  async (colorScheme) => {
    const page = await open(filled, { colorScheme, width: 320, height: 640 });

    expect(await violationsIn(page, filled, places)).toEqual([]);
    for (const place of places) {
      await visit(page, filled, place);
      expect(await overflow(page), place[0]).toBe(0);
    }
  },
);

test('a new organisation has views that teach, and they are accessible too', async () => {
  const page = await open(empty);

  expect(await violationsIn(page, empty, lists)).toEqual([]);
});

test('what opens over a view is accessible: search, a new rule, a new network, a question, an old change', async () => {
  const page = await open(filled);
  const opened: [...Place, act: () => Promise<void>, shown: string][] = [
    ['/', 'Overview', () => page.keyboard.press('Control+k'), 'Search everything'],
    [
      '/policy',
      'Policy',
      () => page.getByRole('button', { name: 'Add a rule' }).click(),
      'New rule',
    ],
    [
      '/networks',
      'Networks',
      () => page.getByRole('button', { name: 'Create a network' }).click(),
      'Create a network',
    ],
    [
      '/devices/dev_0',
      'laptop-00000',
      () => page.getByRole('button', { name: 'Remove device' }).click(),
      '',
    ],
    [
      '/activity',
      'Activity',
      () => page.getByRole('button', { name: 'Network renamed' }).first().click(),
      'Network renamed',
    ],
  ];

  for (const [address, heading, act, shown] of opened) {
    await visit(page, filled, [address, heading]);
    await act();
    await page
      .getByRole('dialog', ...(shown === '' ? [] : [{ name: new RegExp(shown) }]))
      .waitFor();
    expect(await violations(page), address).toEqual([]);
  }
});

test('every view is in Japanese, and says so', async () => {
  const page = await open(filled, { locale: 'ja-JP' });
  const headings = [
    '概要',
    'ネットワーク',
    'デバイス',
    'ユーザー',
    'プロファイル',
    'ポリシー',
    '履歴',
    'tokyo-vpc',
    'laptop-00000',
    '見つかりません',
  ];

  for (const [at, [address]] of places.entries()) {
    await visit(page, filled, [address, headings[at] ?? '']);
    await expect.poll(() => page.title()).toBe(`${headings[at]} · Culvert`);
    expect(await page.getAttribute('html', 'lang')).toBe('ja');
    expect(await untranslated(page), address).toEqual([]);
    expect(await english(page), address).toEqual([]);
  }
});

test('a table is ordered and filtered by keyboard, and the address keeps both', async () => {
  const page = await open(filled);
  await visit(page, filled, ['/devices', 'Devices']);
  await page.getByRole('button', { name: 'Device', exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await page
    .getByRole('columnheader', { name: 'Device' })
    .and(page.locator('[aria-sort=descending]'))
    .waitFor();
  await page.getByLabel('Filter').fill('person-0003 laptop');
  await page.getByText('5 of 60 devices').waitFor();

  await page.reload();

  await page
    .getByRole('columnheader', { name: 'Device' })
    .and(page.locator('[aria-sort=descending]'))
    .waitFor();
  await expect.poll(() => page.getByLabel('Filter').inputValue()).toBe('person-0003 laptop');
});

test('the first thing that the keyboard reaches leads past the navigation', async () => {
  const page = await open(filled);
  await visit(page, filled, ['/people', 'People']);
  await page.keyboard.press('Tab');
  const skip = page.getByRole('link', { name: 'Skip to the content' });
  expect(await skip.evaluate((link) => link === document.activeElement)).toBe(true);
  await expect.poll(async () => (await skip.boundingBox())?.y).toBeGreaterThanOrEqual(0);

  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');

  expect(
    await page.getByLabel('Filter').evaluate((input) => input === document.activeElement),
  ).toBe(true);
});

test('a new page is where the keyboard goes on; the first one leaves the focus alone', async () => {
  const page = await open(filled);
  await visit(page, filled, ['/people', 'People']);
  expect(await focused(page)).toBe('BODY');

  await page.getByRole('navigation').getByRole('link', { name: 'Networks' }).click();
  await page.getByRole('heading', { level: 1, name: 'Networks' }).waitFor();
  await expect.poll(() => focused(page)).toBe('H1 Networks');
  await page.getByRole('link', { name: 'tokyo-vpc' }).click();
  await page.getByRole('heading', { level: 1, name: 'tokyo-vpc' }).waitFor();

  await expect.poll(() => focused(page)).toBe('H1 tokyo-vpc');
});

test('what removing a network and a range would do is told before it is done', async () => {
  const page = await open(filled);
  await visit(page, filled, ['/networks/net_0', 'tokyo-vpc']);

  await page.getByRole('button', { name: 'Remove 192.168.0.0/24' }).click();
  const ofRange = page.getByRole('dialog', { name: 'Remove 192.168.0.0/24?' });
  await ofRange.getByText(/Devices that can reach its network now: \d+\./).waitFor();
  const navigation = await page.getByRole('navigation').first().boundingBox();
  expect((await ofRange.boundingBox())?.x).toBeGreaterThanOrEqual(navigation?.width ?? Infinity);
  await ofRange.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Remove network' }).click();

  const ofNetwork = page.getByRole('dialog', { name: 'Remove tokyo-vpc?' });
  await ofNetwork.getByText(/Rules that name nothing else go with it: Engineers/).waitFor();
});

test('ten thousand rules are drawn a few at a time, and found by their words', async () => {
  await using large = await startOrganisation();
  await fill(large.store, {
    devices: 0,
    people: 1,
    networks: 3,
    rules: 10_000,
    entries: 0,
    changes: 0,
  });
  const page = await open(large);
  await visit(page, large, ['/policy', 'Policy']);
  await page.getByText('10000 of 10000').waitFor();
  expect(await page.getByRole('article').count()).toBeLessThan(40);

  await page.getByLabel('Filter').fill('rule 9876');

  await page.getByText('1 of 10000').waitFor();
  await page.getByRole('article', { name: 'Rule 9876' }).getByText('#9876').waitFor();
});

test('search finds a device by its address, a person, a network and a rule, and goes there', async () => {
  const page = await open(filled);
  await visit(page, filled, ['/', 'Overview']);
  const found: [typed: string, option: string, heading: string][] = [
    ['100.96.0.103', 'laptop-00003', 'laptop-00003'],
    ['tokyo', 'tokyo-vpc', 'tokyo-vpc'],
    ['person-0007', 'Person 7', 'People'],
    ['engineers', '#1 Engineers', 'Policy'],
  ];

  for (const [typed, option, heading] of found) {
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Search everything' }).fill(typed);
    await page.getByRole('option', { name: option }).click();
    await page.getByRole('heading', { level: 1, name: heading }).waitFor();
  }
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Search everything' }).fill('tokyo');
  await page.getByRole('option', { name: 'tokyo-vpc' }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'tokyo-vpc' }).waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Search everything' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
});

test('a member sees the way in for the app and nothing else', async () => {
  const page = await open(filled, { role: 'member' });

  await page.getByRole('heading', { name: 'This page is for administrators' }).waitFor();
  expect(await page.getByRole('navigation').count()).toBe(0);
  expect(await violations(page)).toEqual([]);
});

test('a session that ends while the page is open asks for a new sign-in', async () => {
  const page = await open(empty);
  await visit(page, empty, ['/networks', 'Networks']);
  await empty.store.db.deleteFrom('browserSessions').execute();

  // Whatever the page asks for next finds out: this click, or what it asks by itself before, and then there is no such link.
  const clicked = page.getByRole('link', { name: 'People' }).click();
  clicked.catch(() => {});

  await page.getByRole('link', { name: 'Sign in' }).waitFor();
  expect(await violations(page)).toEqual([]);
});

async function open(organisation: Organisation, options: WindowOptions = {}): Promise<Page> {
  view = await openDashboard(browser, organisation, options);
  return view.page;
}

/** Of all of them at once: one cause often shows in several. */
async function violationsIn(
  page: Page,
  organisation: Organisation,
  all: Place[],
): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const place of all) {
    await visit(page, organisation, place);
    found.push(...(await violations(page)).map((one) => [place[0], one]));
  }
  return found;
}

async function violations(page: Page): Promise<unknown[]> {
  await page.waitForFunction(() =>
    document.getAnimations().every(({ playState }) => playState !== 'running'),
  );
  const { violations: found } = await new AxeBuilder({ page }).analyze();
  return found.map(({ id, nodes }) => [id, nodes.map((node) => node.html.slice(0, 300))]);
}

/** What has the keyboard: the link that was pressed has the words of the page's heading, too. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const { activeElement: element, body } = document;
    return element === body ? 'BODY' : `${element?.tagName} ${element?.textContent}`;
  });
}

function overflow(page: Page): Promise<number> {
  return page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
}

/** Sentences that are left in English; what is marked as English, or to be copied, may be. */
async function english(page: Page): Promise<string[]> {
  const text = await page.locator('body').evaluate((body) => {
    const shown = [...body.querySelectorAll('*')].filter((one) => !one.closest('[lang=en], code'));
    const texts = shown.flatMap((one) =>
      [...one.childNodes].filter(({ nodeType }) => nodeType === 3),
    );
    return texts.map(({ textContent }) => textContent).join('\n');
  });
  return text.match(/\b[A-Za-z’]+(?: [a-z’]+){3,}/g) ?? [];
}

/** Keys that the language has no words for are shown as they are. */
async function untranslated(page: Page): Promise<string[]> {
  const text = await page.locator('body').innerText();
  return (
    text.match(
      /\b(shell|common|overview|networks|devices|people|profiles|policy|activity|audit|field|search)\.[a-zA-Z]+\b/g,
    ) ?? []
  );
}
