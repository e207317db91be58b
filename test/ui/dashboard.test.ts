/**
 * The administrator's first hour at the dashboard, by clicks only, against the real gateway and a real connector.
 *
 *   laptop (browser, device) ── home-router ── internet: gateway, login ── vpc-router ── server 192.168.0.10
 *
 * The tests are one story: each starts where the one before it ended.
 */
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { Lab } from '../lab/lab.ts';
import { Administrator } from '../world/administrator.ts';
import { LabBrowser } from '../world/browser.ts';
import { copied } from '../world/dashboard.ts';
import { launchGateway, type RunningGateway, startGateway } from '../world/gateway.ts';
import { people, type RunningProvider, startProvider } from '../world/provider.ts';
import { worldTopology } from '../world/topology.ts';

let lab: Lab;
let provider: RunningProvider;
let gateway: RunningGateway;
let browser: LabBrowser;
let page: Page;
/** What the browser objected to: its own policy, or a script that failed. */
const objections: string[] = [];

beforeAll(async () => {
  lab = await Lab.build(worldTopology);
  provider = await startProvider(lab.host('login'));
  gateway = await startGateway(lab.host('gateway'), provider);
  browser = await LabBrowser.open(lab.host('laptop'));
  ({ page } = await Administrator.signIn(browser, people.olivia));
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  page.on('pageerror', (error) => objections.push(error.message));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) objections.push(message.text());
  });
});
afterAll(async () => {
  await browser?.close();
  await lab?.stop();
});

test('a network by its name alone: the line to run is there at once', async () => {
  showLogsIfItFails();
  await go('Networks');
  await page.getByText('No network yet').waitFor();
  await page.getByRole('button', { name: 'Create a network' }).first().click();
  await page.getByLabel('Name of the network').fill('tokyo-vpc');
  await page.getByRole('button', { name: 'Create', exact: true }).click();

  await page.getByRole('heading', { level: 1, name: 'tokyo-vpc' }).waitFor();
  await page.getByText('Waiting for the connector').waitFor();
  await expect.poll(() => page.title()).toBe('tokyo-vpc · Culvert');
  expect(await copied(page, 'Connect it')).toMatch(/^curl .+ \| sudo sh -s -- /);
});

test('the copied line, run as it is in the network, turns the dot green by itself', async () => {
  showLogsIfItFails();
  const line = await copied(page, 'Connect it');
  const install = lab.host('server').start('install', ['sh', '-c', line]);
  await install.waitFor(/Joined the network tokyo-vpc/, 60_000);
  const joinedAt = performance.now();

  await section('Connect it').getByText('Online', { exact: true }).waitFor();

  expect(performance.now() - joinedAt).toBeLessThan(2000);
  await section('Connect it').getByText('server', { exact: true }).waitFor();
  await page.getByText('Waiting for the connector').waitFor({ state: 'detached' });
});

test('a bad range is refused in words, the suggested one is one click', async () => {
  const ranges = section('Its ranges');
  await ranges.getByLabel('Add a range').fill('192.168.0.0/33');
  await ranges.getByRole('button', { name: 'Add', exact: true }).click();
  await ranges.getByText('A range looks like 192.168.0.0/24 or 2001:db8::/32.').waitFor();
  await ranges.getByLabel('Add a range').fill('100.96.7.0/24');
  await ranges.getByRole('button', { name: 'Add', exact: true }).click();
  await ranges.getByText('where devices and connectors have their own addresses').waitFor();

  await ranges.getByRole('button', { name: '192.168.0.0/24', exact: true }).click();

  await ranges.getByRole('button', { name: 'Remove 192.168.0.0/24' }).waitFor();
});

test('everyone is let in with one click, and the page says what to try', async () => {
  const reach = section('Who may reach it');
  await reach.getByRole('button', { name: 'Allow: Everyone in Example Inc.' }).click();

  await reach.getByRole('link', { name: '#1 tokyo-vpc' }).waitFor();
  expect(await copied(page, 'Try it')).toBe('ssh 192.168.0.10');
});

test('an exclude entry around the range takes nothing away; one inside it is warned about, with the fix', async () => {
  await go('Profiles');
  await addEntry('Exclude', '192.168.0.0/16');
  await page.getByText('Nothing changes: every destination goes where it went before.').waitFor();
  await addEntry('Exclude', '192.168.0.0/24');
  await page.getByText('192.168.0.0/24 stops going through tokyo-vpc.').waitFor();
  await page
    .getByText('The exclude entry 192.168.0.0/24 hides 192.168.0.0/24 of tokyo-vpc')
    .waitFor();

  await warning().getByRole('button', { name: 'Remove 192.168.0.0/24' }).click();

  await page.getByText('Nothing changes: every destination goes where it went before.').waitFor();
  await expect.poll(() => entries('Exclude')).toEqual(['192.168.0.0/16']);
  await page.getByRole('button', { name: 'Discard' }).click();
});

test('entries that are none, and a default path that cannot be carried, are refused with a sentence', async () => {
  await addEntry('Include', '10.0.0.0/33');
  await page.getByText('An entry is a prefix like 10.0.0.0/8').waitFor();
  await page.getByText('goes into the tunnel (Exclude mode)').click();
  await page.getByText('The gateway cannot carry Internet traffic for devices yet').waitFor();
  await page
    .getByRole('button', { name: 'Save', exact: true })
    .and(page.locator(':disabled'))
    .waitFor();

  await page.getByRole('button', { name: 'Discard' }).click();

  await page.getByText('What saving changes').waitFor({ state: 'detached' });
});

test('a saved change can be taken back for ten seconds', async () => {
  await addEntry('Exclude', '192.168.178.0/24');
  await page.getByText('Nothing changes: every destination goes where it went before.').waitFor();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved.').waitFor();
  await expect.poll(() => entries('Exclude')).toEqual(['192.168.178.0/24']);

  await page.getByRole('button', { name: 'Undo' }).click();

  await page.getByText('Undone.').waitFor();
  await page.getByRole('list', { name: 'Exclude' }).waitFor({ state: 'detached' });
});

test('a rule is added, moved before another, edited and removed', async () => {
  await go('Policy');
  await page.getByRole('button', { name: 'Add a rule' }).click();
  const sheet = page.getByRole('dialog', { name: 'New rule' });
  await sheet.getByLabel('Name').fill('No telnet');
  await sheet.getByText('Block', { exact: true }).click();
  await sheet.getByRole('button', { name: 'Save' }).click();
  await sheet.getByText('Say who the rule is about.').waitFor();
  await choose(sheet, 'Who', 'Everyone');
  await choose(sheet, 'Protocol', 'TCP');
  await sheet.getByLabel('Ports').fill('23, 99999');
  await sheet.getByRole('button', { name: 'Save' }).click();
  await sheet.getByText('Ports are numbers from 1 to 65535').waitFor();
  await sheet.getByLabel('Ports').fill('23');
  await sheet.getByRole('button', { name: 'Save' }).click();
  await rule('No telnet').getByText('Everyone → Every network · TCP 23').waitFor();
  await expect.poll(ruleNames).toEqual(['tokyo-vpc', 'No telnet']);

  await page.getByRole('button', { name: 'Move No telnet up' }).click();
  await rule('No telnet').getByText('#1').waitFor();
  await page.getByRole('button', { name: 'Edit No telnet' }).click();
  const edited = page.getByRole('dialog', { name: 'Rule' });
  await edited.getByLabel('Ports').fill('23, 2323');
  await edited.getByRole('button', { name: 'Save' }).click();
  await rule('No telnet').getByText('TCP 23, 2323').waitFor();
  await expect.poll(ruleNames).toEqual(['No telnet', 'tokyo-vpc']);

  await page.getByRole('button', { name: 'Remove No telnet' }).click();
  await rule('No telnet').waitFor({ state: 'detached' });
});

test('people have a role and the groups that the provider gives them', async () => {
  await go('People');

  await page.getByRole('combobox', { name: 'Role of olivia@example.com' }).waitFor();
  await page.getByRole('row').filter({ hasText: 'operations' }).waitFor();
});

test('a gateway that stops is told as such, and the page is current again when it is back', async () => {
  showLogsIfItFails();
  await go('Networks');
  await page.getByRole('link', { name: 'tokyo-vpc' }).click();
  await gateway.service.stop();
  await page.getByText('The gateway does not answer').first().waitFor();
  await section('Its ranges').getByLabel('Add a range').fill('10.9.0.0/16');
  await section('Its ranges').getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('alert').getByText('The gateway does not answer').waitFor();
  await page.getByRole('button', { name: 'Remove 192.168.0.0/24' }).waitFor();

  gateway.service = await launchGateway(lab.host('gateway'), provider);

  await page.getByText('The gateway does not answer. What you see').waitFor({ state: 'detached' });
  await section('Its ranges').getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('button', { name: 'Remove 10.9.0.0/16' }).waitFor();
});

test('every change is in the activity with what was before, and is taken back from there', async () => {
  await go('Activity');
  await page.getByRole('button', { name: 'Range added: 10.9.0.0/16 (tokyo-vpc)' }).click();
  const sheet = page.getByRole('dialog', { name: 'Range added' });
  await sheet.getByText('olivia@example.com, ').waitFor();
  await sheet.getByRole('row', { name: 'Range – 10.9.0.0/16' }).waitFor();
  await sheet.getByRole('button', { name: 'Take it back' }).click();
  await page.getByRole('button', { name: 'Range removed: 10.9.0.0/16 (tokyo-vpc)' }).waitFor();
  await page.getByRole('button', { name: 'Rule removed: No telnet' }).click();
  const removed = page.getByRole('dialog', { name: 'Rule removed' });
  await removed.getByRole('button', { name: 'Take it back' }).click();
  await page.getByRole('button', { name: 'Rules put in another order' }).first().waitFor();

  await go('Policy');

  await rule('No telnet').getByText('TCP 23, 2323').waitFor();
  await expect.poll(ruleNames).toEqual(['No telnet', 'tokyo-vpc']);
  expect(objections).toEqual([]);
});

async function go(place: string): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: place }).click();
  await page.getByRole('heading', { level: 1, name: place }).waitFor();
}

function section(title: string): Locator {
  return page.getByRole('region', { name: title });
}

async function addEntry(list: string, text: string): Promise<void> {
  await page.getByLabel(`Add to ${list}`).fill(text);
  await page.getByLabel(`Add to ${list}`).press('Enter');
}

async function entries(list: string): Promise<string[]> {
  const items = page.getByRole('list', { name: list }).getByRole('listitem');
  return await items.evaluateAll((all) =>
    all.map((one) => one.firstElementChild?.textContent ?? ''),
  );
}

/** Where the effect of a draft is told. */
function warning(): Locator {
  return page.getByRole('alert').filter({ hasText: 'hides' });
}

function rule(name: string): Locator {
  return page.getByRole('article', { name });
}

async function ruleNames(): Promise<(string | null)[]> {
  const articles = page.getByRole('article');
  return await articles.evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')));
}

async function choose(within: Locator, label: string, option: string): Promise<void> {
  await within.getByLabel(label, { exact: true }).first().click();
  await page.getByRole('option', { name: option, exact: true }).click();
}

function showLogsIfItFails(): void {
  onTestFailed(() => console.error(lab.logs.slice(-8000)));
}
