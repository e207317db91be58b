/**
 * The tray app as alice has it: a real Electron on her laptop, against the real culvertd, gateway, connector and browser.
 * Each state that she can meet is reached by making it happen, and portrayed.
 */
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import type { Status } from '../../app/contract/local-api.ts';
import type { Network } from '../../gateway/contract/admin-api.ts';
import { eventually } from '../lab/eventually.ts';
import type { Administrator } from '../world/administrator.ts';
import { agreeAtGateway, openAddress, signInAtProvider } from '../world/browser.ts';
import { LabDesktop, startScreen } from '../world/desktop.ts';
import type { Device } from '../world/device.ts';
import { deviceSecrets, filesBelow, spellings } from '../world/device-secrets.ts';
import { launchGateway } from '../world/gateway.ts';
import { people } from '../world/provider.ts';
import { World } from '../world/world.ts';
import { portray } from './desktop-pictures.ts';

const ENGINE = '/usr/lib/culvert/culvert-engine';

let world: World;
let administrator: Administrator;
let network: Network;
let device: Device;
let desktop: LabDesktop;
/** What the window's own policy objected to. */
const violations: string[] = [];

beforeAll(async () => {
  world = await World.build();
  administrator = await world.administrator();
  ({ network } = await world.network(administrator));
  device = await world.device();
  await device.daemon.stop();
  await startScreen(world.lab.host('laptop'));
  desktop = await LabDesktop.open(world.lab.host('laptop'));
  desktop.window.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) violations.push(message.text());
  });
});
afterAll(async () => {
  await desktop?.close();
  await world?.stop();
});

/** Each step stands on the one before; after a failure the others fail at once instead of waiting one by one. */
let failed: string | undefined;
beforeEach(({ task }) => {
  if (failed !== undefined) throw new Error(`not reached: “${failed}” failed`);
  onTestFailed(() => {
    failed ??= task.name;
  });
});

test('without culvertd it says so and what to do, and finds it by itself', async () => {
  await says('culvertd is not running. Start it with “sudo systemctl start culvertd”');
  await portray(desktop, '01-no-daemon');

  await device.restart();

  await heading('Sign in to your organisation');
  await portray(desktop, '02-signed-out');
});

test('a link that is none, and a gateway that is not there, are told in a sentence', async () => {
  await signIn('hello world');
  await says('“hello world” is not a sign-in link or an address. Copy the whole link again.');
  await portray(desktop, '03-wrong-link');

  await signIn('https://203.0.113.99/join');
  await says('https://203.0.113.99 cannot be reached', 20_000);
});

test('a sign-in that is cancelled leaves the first page', async () => {
  await signIn(world.gateway.joinLink);
  await heading('Finish in your browser');
  await portray(desktop, '04-signing-in');
  await button('Open it again').click();
  await eventually(async () => expect(await desktop.openedAddresses()).toHaveLength(2));

  await button('Cancel').click();

  await heading('Sign in to your organisation');
  await desktop.window.getByRole('alert').waitFor({ state: 'detached' });
});

test('the browser that it opened signs the device in', async () => {
  const opened = (await desktop.openedAddresses()).length;
  await signIn(world.gateway.joinLink);
  await heading('Finish in your browser');
  await eventually(async () => expect(await desktop.openedAddresses()).toHaveLength(opened + 1));

  expect(await finishInBrowser()).toContain('You are signed in');

  await toggle().waitFor();
  await says('Private networks are out of reach until you switch on.');
  await expect.poll(() => toggle().getAttribute('aria-checked')).toBe('false');
  await portray(desktop, '05-off');
});

test('no way to the gateway is “Connecting”, with what is wanted shown apart', async () => {
  await gatewayLink('down');
  await toggle().click();
  await shows('Connecting');
  await expect.poll(() => toggle().getAttribute('aria-checked')).toBe('true');
  await says('does not answer at', 30_000);
  await portray(desktop, '06-connecting');

  await gatewayLink('up');

  await shows('Connected', 30_000);
});

test('connected, it says what it is good for, and ssh works', async () => {
  await says('192.168.0.0/24');
  await desktop.window.getByText('Reachable', { exact: true }).waitFor();
  const ssh = ['ssh', '-o', 'StrictHostKeyChecking=accept-new', '192.168.0.10', 'hostname'];
  expect(await world.lab.host('laptop').run(ssh, { user: 'alice' })).toBe('server\n');
  await portray(desktop, '07-connected');

  await button('Copy 192.168.0.0/24').click();
  await says('Copied');
  await expect
    .poll(() => desktop.evaluate(({ clipboard }) => clipboard.readText()))
    .toBe('192.168.0.0/24');
});

test('a double click on the switch is off and on again, and a triple one is off', async () => {
  const connectedAt = await onSince();

  await toggle().dblclick({ delay: 1 });

  await expect.poll(onSince).toBeGreaterThan(connectedAt);
  await shows('Connected');
  expect(await toggle().getAttribute('aria-checked')).toBe('true');

  await recordSwitch();
  await toggle().click({ clickCount: 3 });
  await shows('Off');
  await expect.poll(wanted).toBe('off');
  expect(await toggle().getAttribute('aria-checked')).toBe('false');
  expect(await switchedTo()).toEqual(['on', 'off', 'on', 'off']);
  await toggle().click();
  await shows('Connected');
});

test('what culvertd refuses is taken back, with the reason', async () => {
  const laptop = world.lab.host('laptop');
  const inTheWay = '/var/lib/culvert/wanted.json.new';
  await laptop.run(['mkdir', inTheWay]);

  await toggle().click();
  await says('The file /var/lib/culvert/wanted.json cannot be written');
  expect(await toggle().getAttribute('aria-checked')).toBe('true');
  expect(await wanted()).toBe('on');

  await laptop.run(['rmdir', inTheWay]);
  await toggle().click();
  await shows('Off');
  await desktop.window.getByRole('alert').waitFor({ state: 'detached' });
  await toggle().click();
  await shows('Connected');
});

test('why: one sentence, then the chain, for what works and for what does not', async () => {
  await why('192.168.0.10:22');
  await says('You can reach 192.168.0.10:22 through tokyo-vpc.');
  await desktop.window.getByRole('img', { name: 'works' }).first().waitFor();
  await portray(desktop, '08-why');

  await why('192.168.178.30');
  await says('192.168.178.30 goes directly, not through Culvert.');
  await why('nothing here');
  await says('Type one address or one name, with a port if you like.');
  await desktop.window.locator('.chain').waitFor({ state: 'detached' });
});

test('a network that no connector serves is told in place', async () => {
  const { connectors } = await administrator.network(network.id);
  for (const { id } of connectors) await administrator.removeConnector(id);

  await says('connector down');
  await says('None of your networks can be reached right now.');
  await portray(desktop, '09-connector-down');

  await world.joinConnector(administrator, network.id);
  await desktop.window.getByText('connector down').waitFor({ state: 'detached', timeout: 30_000 });
});

test('a way that is lost is “Connecting” with the reason, and comes back by itself', async () => {
  await gatewayLink('down');
  startPing();
  await says('On, connecting again.', 60_000);
  await portray(desktop, '10-reconnecting');

  await gatewayLink('up');

  await shows('Connected', 30_000);
});

test('what only a person can change is “Can’t connect”, with the sentence', async () => {
  await toggle().click();
  await shows('Off');
  const laptop = world.lab.host('laptop');
  await laptop.run(['mv', ENGINE, `${ENGINE}.away`]);
  await toggle().click();
  await says(`The engine is not installed at ${ENGINE}. Install Culvert again.`);
  await desktop.window.getByText('Can’t connect', { exact: true }).waitFor();
  await portray(desktop, '11-cannot-connect');

  await laptop.run(['mv', `${ENGINE}.away`, ENGINE]);
  await toggle().click();
  await desktop.window.locator('[role=switch][aria-checked=false]').waitFor();
  await toggle().click();
  await shows('Connected', 30_000);
});

test('a session that ends soon is renewed by one click, and no connection drops', async () => {
  await restartGateway(['--session-hours', '1']);
  await device.culvert(['logout']);
  await device.signIn(world.browser, world.gateway.joinLink, people.alice);
  await device.culvert(['up']);
  await shows('Connected', 30_000);
  await says('Your session ends in 60 minutes.');
  await portray(desktop, '12-ends-soon');
  await restartGateway([]);

  const opened = (await desktop.openedAddresses()).length;
  await button('Renew').click();
  await says('Finish in your browser');
  await portray(desktop, '13-renewing');
  await eventually(async () => expect(await desktop.openedAddresses()).toHaveLength(opened + 1));
  await finishInBrowser();

  await desktop.window.getByText('Your session ends').waitFor({ state: 'detached' });
  await desktop.window.getByText('Finish in your browser').waitFor({ state: 'detached' });
  await shows('Connected');
});

test('preferences take effect at once and are kept', async () => {
  await desktop.window.getByRole('link', { name: 'Preferences' }).click();
  await heading('Preferences');
  await says('Signed in as alice@example.com');
  await portray(desktop, '14-preferences');
  await desktop.window.getByRole('combobox', { name: 'Language' }).click();
  await desktop.window.getByRole('option', { name: '日本語' }).click();
  await heading('設定');
  await desktop.window.getByText('ダーク', { exact: true }).click();
  await desktop.window.locator('html[data-mantine-color-scheme=dark]').waitFor();
  const laptop = world.lab.host('laptop');
  await desktop.window
    .getByRole('switch', { name: 'コンピューターへのサインイン時に開く' })
    .click();
  await eventually(async () =>
    expect(await laptop.read('/home/alice/.config/autostart/culvert.desktop')).toContain(
      '--hidden',
    ),
  );

  await desktop.close();
  desktop = await LabDesktop.open(laptop);

  await desktop.window.locator('html[lang=ja][data-mantine-color-scheme=dark]').waitFor();
  await says('接続中');
});

test('after all this, none of the device’s secrets is in what the app keeps', async () => {
  const laptop = world.lab.host('laptop');
  const secrets = await deviceSecrets(laptop);

  const kept = await filesBelow(laptop, ['/home/alice/.config/Culvert']);

  expect(kept).toMatch(/^\/home\/alice\/\.config\/Culvert\/\S+\.json$/m);
  expect(kept).toContain('"language": "ja"');
  const found = [...secrets].filter(([, secret]) =>
    spellings(secret).some((spelling) => kept.includes(spelling)),
  );
  expect(found.map(([name]) => name)).toEqual([]);
  expect(kept).not.toMatch(/PRIVATE KEY|code_verifier|refresh_token|access_token/);
});

test('nothing in all this was against the window’s policy', () => {
  expect(violations).toEqual([]);
});

async function signIn(link: string): Promise<void> {
  await desktop.window.getByLabel('Sign-in link or address').fill(link);
  await button('Sign in').click();
}

/** The person's own browser, with the newest page that the app asked the system to open. */
async function finishInBrowser(): Promise<string> {
  const address = (await desktop.openedAddresses()).at(-1) ?? '';
  const context = await world.browser.context();
  try {
    const page = await context.newPage();
    await openAddress(page, address);
    await signInAtProvider(page, people.alice.username, people.alice.password);
    await agreeAtGateway(page);
    await page.waitForURL((url) => url.hostname === '127.0.0.1');
    return await page.locator('main').innerText();
  } finally {
    await context.close();
  }
}

/** Unix ms since when culvertd has it on; 0 while it is not, or is not wanted. */
async function onSince(): Promise<number> {
  const status = await deviceStatus();
  return status.wanted === 'on' && status.tunnel.kind === 'on' ? status.tunnel.since : 0;
}

/** Notes what the window is told of the switch: drawn is only the last of what comes in one frame. It is on now. */
async function recordSwitch(): Promise<void> {
  await desktop.evaluate(({ BrowserWindow }) => {
    const [contents] = BrowserWindow.getAllWindows().map((window) => window.webContents);
    if (!contents) throw new Error('there is no window');
    const switchedTo: unknown[] = ['on'];
    const send = contents.send.bind(contents);
    contents.send = (channel: string, value: { status?: { wanted: string } }) => {
      const wanted = value.status?.wanted;
      if (wanted !== undefined && wanted !== switchedTo.at(-1)) switchedTo.push(wanted);
      send(channel, value);
    };
    Object.assign(globalThis, { switchedTo });
  });
}

async function switchedTo(): Promise<string[]> {
  return await desktop.evaluate(
    () => (globalThis as unknown as { switchedTo: string[] }).switchedTo,
  );
}

async function wanted(): Promise<Status['wanted']> {
  return (await deviceStatus()).wanted;
}

async function deviceStatus(): Promise<Status> {
  return JSON.parse(await device.culvert(['status', '--json'])) as Status;
}

async function why(typed: string): Promise<void> {
  await desktop.window.getByLabel('Why can’t I reach…').fill(typed);
  await button('Ask').click();
}

async function gatewayLink(state: 'up' | 'down'): Promise<void> {
  const gateway = world.lab.host('gateway');
  await gateway.run(['ip', 'link', 'set', 'eth0', state]);
}

function startPing(): void {
  world.lab.host('laptop').start('ping', ['ping', '-c', '40', '192.168.0.10'], { user: 'alice' });
}

async function restartGateway(options: string[]): Promise<void> {
  await world.gateway.service.stop();
  world.gateway.service = await launchGateway(world.lab.host('gateway'), world.provider, options);
}

async function says(text: string, timeout = 15_000): Promise<void> {
  await desktop.window.getByText(text).first().waitFor({ timeout });
}

/** The state's word alone: “Reachable when connected” is said while it is off, too. */
async function shows(state: string, timeout = 15_000): Promise<void> {
  await desktop.window.getByText(state, { exact: true }).waitFor({ timeout });
}

async function heading(name: string): Promise<void> {
  await desktop.window.getByRole('heading', { name }).waitFor();
}

function button(name: string) {
  return desktop.window.getByRole('button', { name, exact: true });
}

function toggle() {
  return desktop.window.getByRole('switch');
}
