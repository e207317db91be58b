/**
 * What an administrator sees of devices and people, in the real page, while a real device enrols and follows.
 *
 *   laptop (browser, device) ── home-router ── internet: gateway, login ── vpc-router ── server 192.168.0.10
 *
 * The tests are one story: each starts where the one before it ended.
 */
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { eventually } from '../lab/eventually.ts';
import { Administrator } from '../world/administrator.ts';
import { openAddress } from '../world/browser.ts';
import type { Device } from '../world/device.ts';
import { people } from '../world/provider.ts';
import { World } from '../world/world.ts';

let world: World;
let olivia: Administrator;
let device: Device;
/** Stays open at the list of devices and is never loaded again. */
let list: Page;
let editor: Page;

beforeAll(async () => {
  world = await World.build();
  [olivia, device] = await Promise.all([world.administrator(), world.device()]);
  await world.network(olivia);
  editor = olivia.page;
  list = await olivia.openPage();
  await go(list, 'Devices');
});
afterAll(async () => {
  await world?.stop();
});

test('a device that enrols appears by itself, with the revision that it has applied', async () => {
  showLogsIfItFails();
  await list.getByRole('heading', { name: 'No device yet' }).waitFor();

  await device.signIn(world.browser, world.gateway.joinLink, people.alice);

  await row().getByText('alice@example.com').waitFor();
  await row().getByText('Online', { exact: true }).waitFor();
  // It is online a moment before it has applied its first.
  await eventually(async () => expect(await revisionShown()).toBe(await wantedRevision()));
});

test('switched on, the device shows as connected', async () => {
  showLogsIfItFails();

  await device.culvert(['up', '--wait']);

  await row().getByText('Connected', { exact: true }).waitFor();
});

test('an exclude entry is told before it is saved, and the open list shows the device reach its revision', async () => {
  showLogsIfItFails();
  const before = await revisionShown();
  await go(editor, 'Profiles');
  await editor.getByLabel('Add to Exclude').fill('192.168.0.20/32');
  await editor.getByLabel('Add to Exclude').press('Enter');
  const effect = editor.getByRole('status').filter({ hasText: 'What saving changes' });
  await effect.getByText('Devices that get it: 1').waitFor();
  await effect
    .getByText('192.168.0.20/32, a part of 192.168.0.0/24, stops going through tokyo-vpc.')
    .waitFor();
  expect(await revisionShown()).toBe(before);

  await editor.getByRole('button', { name: 'Save', exact: true }).click();

  const wanted = await eventually(async () => {
    const now = await wantedRevision();
    if (now <= before) throw new Error(`revision ${now} is not newer than ${before}`);
    return now;
  });
  await row().getByText(String(wanted), { exact: true }).waitFor();
  const route = await device.host.run(['ip', 'route', 'get', '192.168.0.20']);
  expect(route).not.toContain('culvert0');
});

test('an owner makes somebody else an administrator, who then has these pages', async () => {
  showLogsIfItFails();
  const alice = await Administrator.arrive(world.browser, people.alice);
  await alice.page.getByRole('heading', { name: 'This page is for administrators' }).waitFor();
  await go(editor, 'People');

  await choose('alice@example.com', 'Administrator');

  await shown('alice@example.com', 'Administrator');
  await openAddress(alice.page, alice.page.url());
  await alice.page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  await go(alice.page, 'People');
  await alice.page.getByText('Only owners change roles.').waitFor();
  expect(await role(alice.page, 'olivia@example.com').isDisabled()).toBe(true);
});

test('one’s own role is asked about first, and the last owner stays one', async () => {
  await choose('olivia@example.com', 'Member');
  const question = editor.getByRole('dialog');
  await question.getByText('Change your own role to Member?').waitFor();
  await question.getByRole('button', { name: 'Cancel' }).click();
  await shown('olivia@example.com', 'Owner');

  await choose('olivia@example.com', 'Administrator');
  await editor.getByRole('button', { name: 'Change my role' }).click();

  await editor
    .getByRole('alert')
    .getByText('The organisation needs an owner. Make somebody else one first.')
    .waitFor();
  await shown('olivia@example.com', 'Owner');
});

test('an owner who makes somebody else one may step back, and the pages follow', async () => {
  await choose('alice@example.com', 'Owner');
  await shown('alice@example.com', 'Owner');
  await choose('olivia@example.com', 'Member');

  await editor.getByRole('button', { name: 'Change my role' }).click();

  await editor.getByRole('heading', { name: 'This page is for administrators' }).waitFor();
});

async function go(page: Page, place: string): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: place }).click();
  await page.getByRole('heading', { level: 1, name: place }).waitFor();
}

function row(): Locator {
  return list.getByRole('row').filter({ hasText: 'laptop' });
}

async function revisionShown(): Promise<number> {
  const columns = await list.getByRole('columnheader').allInnerTexts();
  const at = columns.findIndex((title) => title.startsWith('Revision'));
  const text = await row().getByRole('cell').nth(at).innerText();
  return Number(text);
}

/** As the API tells it, for the only device there is. */
async function wantedRevision(): Promise<number> {
  const [only] = await olivia.devices();
  if (!only) throw new Error('there is no device');
  return only.wantedRevision;
}

function role(page: Page, email: string): Locator {
  return page.getByRole('combobox', { name: `Role of ${email}` });
}

async function choose(email: string, wanted: string): Promise<void> {
  await role(editor, email).click();
  await editor.getByRole('option', { name: wanted, exact: true }).click();
}

async function shown(email: string, wanted: string): Promise<void> {
  await eventually(async () => expect(await role(editor, email).inputValue()).toBe(wanted));
}

function showLogsIfItFails(): void {
  onTestFailed(() => console.error(world.lab.logs.slice(-8000)));
}
