/** The second chapter: signing in with a wrong link, a wrong password, or not after all. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { Service } from '../../lab/command.ts';
import { agreeAtGateway, openAddress, signInAtProvider } from '../../world/browser.ts';
import { GATEWAY_URL, people } from '../../world/provider.ts';
import { scene, told } from './scene.ts';

test.for([
  ['foo bar', 2, '“foo bar” is not a sign-in link or an address. Copy the whole link again.'],
  [
    'gateway.localhost:8443',
    6,
    `${GATEWAY_URL} shows a certificate that nobody vouches for. Use the whole sign-in link from your organisation: its end says which gateway is real.`,
  ],
  [
    `https://login.localhost:9443/join#${'A'.repeat(43)}`,
    6,
    'https://login.localhost:9443 answers, but it is not a Culvert gateway. Check the address.',
  ],
  [
    `${GATEWAY_URL}/join#${'A'.repeat(43)}`,
    6,
    `${GATEWAY_URL} is not the gateway that your sign-in link names: its organisation key is another one. Nothing was sent. Tell your administrator.`,
  ],
  [
    `https://gateway.localhost:9/join#${'A'.repeat(43)}`,
    6,
    'https://gateway.localhost:9 cannot be reached: nothing listens at that port. Check the address and your network.',
  ],
] as const)('`culvert login %s`', async ([link, code, sentence]) => {
  const end = await scene.device.tryCulvert(['login', link]);

  expect(told(end)).toEqual({ code, said: `culvert: ${sentence}\n` });
});

test('switching on before signing in', async () => {
  const end = await scene.device.tryCulvert(['up']);

  expect({ code: end.code, said: end.stdout }).toEqual({
    code: 4,
    said: 'Needs sign-in  This device is not signed in. Run “culvert login” with the link from your organisation.\n',
  });
  await scene.device.culvert(['down']);
});

test.for([
  ['at the provider', async (page: Page) => page.getByRole('button', { name: 'Cancel' }).click()],
  [
    'at the gateway',
    async (page: Page) => {
      await signInAtProvider(page, people.alice.username, people.alice.password);
      await page.getByRole('heading', { name: 'Sign in on this device' }).waitFor();
      await page.getByRole('button', { name: 'Cancel' }).click();
    },
  ],
] as const)('the sign-in is cancelled %s', async ([, cancel]) => {
  const { login, page } = await beginLogin();
  await cancel(page);

  const [code] = await login.ended;
  expect(code).toBe(1);
  expect(login.log).toMatch(/\n\nculvert: You cancelled the sign-in\. Nothing was changed\.\n$/);
  await page.getByText('You cancelled the sign-in. Nothing was changed.').waitFor();
  await page.context().close();
  expect((await scene.device.tryCulvert(['status'])).stdout).toContain(
    'This device is not signed in.',
  );
});

test('Ctrl C while it waits for the browser', async () => {
  const interrupted = ['timeout', '--preserve-status', '--signal=INT', '2', 'culvert', 'login'];
  const end = await scene.laptop.try(
    [...interrupted, scene.world.gateway.joinLink, '--no-browser'],
    {
      user: 'alice',
    },
  );

  expect(end.code).toBe(130);
  expect((await scene.device.tryCulvert(['status'])).stdout).toContain(
    'This device is not signed in.',
  );
});

test('a wrong password is told by the provider; the right one then signs in', async () => {
  const { login, page } = await beginLogin();
  await signInAtProvider(page, 'alice', 'wrong horse');
  expect(await page.getByRole('alert').innerText()).toBe('Wrong user name or password.');
  expect(login.isRunning).toBe(true);

  await signInAtProvider(page, people.alice.username, people.alice.password);
  await agreeAtGateway(page);

  expect((await login.ended)[0]).toBe(0);
  expect(login.log).toContain('Signed in to Example Inc. as alice@example.com.');
  await page.context().close();
});

async function beginLogin(): Promise<{ login: Service; page: Page }> {
  const argv = ['culvert', 'login', scene.world.gateway.joinLink, '--no-browser'];
  const login = scene.laptop.start('culvert login', argv, { user: 'alice' });
  const [address = ''] = await login.waitFor(/https:\/\/\S+\/oauth\/\S+/);
  const page = await (await scene.world.browser.context()).newPage();
  await openAddress(page, address);
  return { login, page };
}
