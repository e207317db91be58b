/** The pages of the dashboard by address; the heading says that the page is there and not only its frame. */
import type { Page } from 'playwright-core';
import type { Organisation } from '../gateway/organisation.ts';
import { openAddress } from '../world/browser.ts';
import type { Filling } from './filled-organisation.ts';

export type Place = readonly [address: string, heading: string];

/** Those that there are before anything else is. */
export const lists: Place[] = [
  ['/', 'Overview'],
  ['/networks', 'Networks'],
  ['/devices', 'Devices'],
  ['/people', 'People'],
  ['/profiles', 'Profiles'],
  ['/policy', 'Policy'],
  ['/activity', 'Activity'],
];

/** Of an organisation that `fill` has filled. */
export const places: Place[] = [
  ...lists,
  ['/networks/net_0', 'tokyo-vpc'],
  ['/devices/dev_0', 'laptop-00000'],
  ['/nowhere', 'Nothing here'],
];

export const fillings: Record<'one' | 'many', Filling> = {
  one: { devices: 1, people: 1, networks: 1, rules: 1, entries: 2, changes: 1 },
  many: {
    devices: 10_000,
    people: 10_000,
    networks: 300,
    rules: 10_000,
    entries: 10_000,
    // Each is recorded by itself.
    changes: 200,
  },
};

export async function visit(
  page: Page,
  { url }: Organisation,
  [address, heading]: Place,
): Promise<void> {
  await openAddress(page, url + address);
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
  await page.getByLabel(/Loading|読み込み中/).waitFor({ state: 'detached' });
}
