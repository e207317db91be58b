/**
 * Draws every page of the dashboard, and what opens over them, at 320 and 1440 px, light and dark, of an organisation with
 * nothing, with one of each and with ten thousand, into test/output/dashboard. For looking at; needs a built dashboard.
 *
 *   node test/ui/dashboard-pictures.ts [empty|one|many …]
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { type Organisation, startOrganisation } from '../gateway/organisation.ts';
import { repository } from '../lab/host.ts';
import { fillings, lists, type Place, places, visit } from './dashboard-places.ts';
import { openDashboard, startBrowser } from './dashboard-window.ts';
import { fill } from './filled-organisation.ts';

const pictures = path.join(repository, 'test/output/dashboard');
const sizes = ['empty', 'one', 'many'] as const;
type Size = (typeof sizes)[number];
const widths = { 320: 640, 1440: 900 } as const;
const schemes = ['light', 'dark'] as const;

/** What opens over a page: the button that opens it. */
const opened: (readonly [...Place, button: string | RegExp])[] = [
  ['/networks/net_0', 'tokyo-vpc', 'Rename'],
  ['/networks/net_0', 'tokyo-vpc', 'Remove network'],
  ['/networks/net_0', 'tokyo-vpc', /^Remove 192/],
  ['/networks', 'Networks', 'Create a network'],
  ['/devices/dev_0', 'laptop-00000', 'Remove device'],
  ['/policy', 'Policy', 'Add a rule'],
  ['/activity', 'Activity', 'Network renamed'],
];

const asked = process.argv.slice(2);
const wanted = asked.length === 0 ? sizes : sizes.filter((size) => asked.includes(size));
if (wanted.length === 0) {
  console.error(`usage: node test/ui/dashboard-pictures.ts [${sizes.join('|')} …]`);
  process.exit(64);
}

mkdirSync(pictures, { recursive: true });
const browser = await startBrowser();
for (const size of wanted) await portrayOrganisation(browser, size);
await browser.close();
console.log(`The pictures are in ${path.relative(process.cwd(), pictures)}.`);

async function portrayOrganisation(browser: Browser, size: Size): Promise<void> {
  await using organisation = await startOrganisation();
  if (size !== 'empty') await fill(organisation.store, fillings[size]);
  for (const [width, height] of Object.entries(widths)) {
    for (const colorScheme of schemes) {
      const options = { width: Number(width), height, colorScheme };
      const { page, context } = await openDashboard(browser, organisation, options);
      const suffix = `${size}-${width}-${colorScheme}`;
      for (const place of size === 'empty' ? lists : places) {
        await visit(page, organisation, place);
        await draw(page, `${nameOf(place)}-${suffix}`);
      }
      // One of each is enough to open what there is.
      if (size === 'one') await portrayOpened(page, organisation, suffix);
      await context.close();
      console.log(suffix);
    }
  }
}

async function portrayOpened(
  page: Page,
  organisation: Organisation,
  suffix: string,
): Promise<void> {
  for (const [at, [address, heading, button]] of opened.entries()) {
    await visit(page, organisation, [address, heading]);
    await page.getByRole('button', { name: button }).first().click();
    await page.getByRole('dialog').waitFor();
    await draw(page, `opened-${at + 1}-${suffix}`, false);
  }
}

async function draw(page: Page, name: string, fullPage = true): Promise<void> {
  const file = path.join(pictures, `${name}.png`);
  await page.screenshot({ path: file, animations: 'disabled', fullPage });
}

function nameOf([address]: Place): string {
  return address === '/' ? 'overview' : address.slice(1).replaceAll('/', '-');
}
