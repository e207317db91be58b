/** What is written down twice because parts must not import each other, and has to be equal all the same. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DEVICE_REDIRECT_PATH as atTheDevice } from '../../app/client/redirect-path.ts';
import { VERSION } from '../../app/contract/version.ts';
import { DEVICE_REDIRECT_PATH as atTheGateway } from '../../gateway/contract/device-api.ts';

test('the device’s programs tell the version of the package', () => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');

  expect(JSON.parse(text)).toMatchObject({ version: VERSION });
});

test('the browser comes back to the path that the gateway allows', () => {
  expect(atTheDevice).toBe(atTheGateway);
});
