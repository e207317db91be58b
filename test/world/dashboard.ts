/** What an administrator does at the dashboard, by hand: clicks and keys only. */
import type { Page } from 'playwright-core';
import { eventually } from '../lab/eventually.ts';

/** The line that the new network's page has for its connector, as the copy button gives it. */
export async function createNetworkAndCopyLine(page: Page, name: string): Promise<string> {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await goTo(page, 'Networks');
  await page.getByRole('button', { name: 'Create a network' }).first().click();
  await page.getByLabel('Name of the network').fill(name);
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  return await copied(page, 'Connect it');
}

/** By the copy button, as a person takes it; the page has to be let read the clipboard. */
export async function copied(page: Page, what: string): Promise<string> {
  await page.evaluate(() => navigator.clipboard.writeText(''));
  await page.getByRole('button', { name: `Copy: ${what}` }).click();
  return await eventually(async () => {
    const text = await page.evaluate(() => navigator.clipboard.readText());
    if (text === '') throw new Error(`“Copy: ${what}” has copied nothing`);
    return text;
  });
}

/** Enters it in the default profile's exclude list, without saving. */
export async function enterExclude(page: Page, cidr: string): Promise<void> {
  await goTo(page, 'Profiles');
  await page.getByLabel('Add to Exclude').fill(cidr);
  await page.getByLabel('Add to Exclude').press('Enter');
  await page.getByText('What saving changes').waitFor();
}

/** Unix ms, of the moment in which the page was told of the press. */
export async function pressSave(page: Page): Promise<number> {
  const save = page.getByRole('button', { name: 'Save', exact: true });
  await save.evaluate((button) =>
    button.addEventListener('click', () => Object.assign(window, { savePressedAt: Date.now() }), {
      capture: true,
    }),
  );
  await save.click();
  return await page.evaluate(() => (window as unknown as { savePressedAt: number }).savePressedAt);
}

async function goTo(page: Page, place: string): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: place }).click();
  await page.getByRole('heading', { level: 1, name: place }).waitFor();
}
