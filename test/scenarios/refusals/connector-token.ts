/** The first chapter: a connector whose token is not right. */
import { expect, test } from 'vitest';
import type { ConnectorInstall } from '../../../gateway/contract/admin-api.ts';
import type { Host } from '../../lab/host.ts';
import { processesOf } from '../../world/processes.ts';
import { GATEWAY_DATA, scene, told } from './scene.ts';

const ADVICE = 'Copy a new line from the network’s page in the dashboard.';
const WHOLE = 'Copy the whole line from the network’s page in the dashboard.';

test('an expired token leaves nothing on a machine that had nothing', async () => {
  const line = await scene.administrator.connectorLine(scene.network.id);
  await expireTokens();

  const end = await runLine(scene.server, line);

  expect(told(end)).toEqual({
    code: 77,
    said: `culvert-connector: This connector token has expired. ${ADVICE}\n`,
  });
  const left = 'ls -d /opt/culvert-connector /var/lib/culvert-connector; id -u culvert-connector';
  expect((await scene.server.try(['sh', '-c', left])).stdout).toBe('');
});

test('a token that another machine has used', async () => {
  const line = await scene.administrator.connectorLine(scene.network.id);
  expect((await runLine(scene.server, line)).code).toBe(0);
  const second = scene.world.lab.host('second');
  await teachNames(second);

  const end = await runLine(second, line);

  expect(told(end)).toEqual({
    code: 77,
    said: `culvert-connector: This connector token was used before, by another connector. ${ADVICE}\n`,
  });
});

test.for([
  ['half a token', 64, `The connector token is damaged. ${WHOLE}`],
  ['no token', 64, `This is not a connector token. ${WHOLE}`],
  ['a token nobody made', 77, `The gateway does not know this connector token. ${ADVICE}`],
  [
    'a token of another organisation',
    77,
    'This gateway belongs to another organisation than your link or token names. Nothing was sent to it. Ask your administrator.',
  ],
] as const)('%s, where a connector runs already: it goes on', async ([what, code, sentence]) => {
  const line = await scene.administrator.connectorLine(scene.network.id);
  await scene.world.untilOnline(scene.administrator, scene.network.id);
  const before = await processesOf(scene.server, 'culvert-connector');

  const end = await runLine(scene.server, line, spoil(what, line.token));

  expect(told(end)).toEqual({ code, said: `culvert-connector: ${sentence}\n` });
  expect(await processesOf(scene.server, 'culvert-connector')).toEqual(before);
});

async function runLine(host: Host, { command, token }: ConnectorInstall, given = token) {
  return await host.try(['sh', '-c', command.replace(token, given)]);
}

function spoil(what: string, token: string): string {
  const [version, origin, fingerprint, secret] = token.split('.');
  const other = 'A'.repeat(43);
  switch (what) {
    case 'half a token':
      return token.slice(0, -3);
    case 'no token':
      return 'hello';
    case 'a token nobody made':
      return [version, origin, fingerprint, other].join('.');
    default:
      return [version, origin, other, secret].join('.');
  }
}

/** A minute is the shortest life that the API gives one: the date is moved in the store instead. */
async function expireTokens(): Promise<void> {
  const script = `import { DatabaseSync } from 'node:sqlite';
    new DatabaseSync('${GATEWAY_DATA}/culvert.db', { timeout: 5000 }).exec('update connector_tokens set expires_at = 1');`;
  const node = '/opt/culvert/node_modules/.bin/node';
  await scene.gatewayHost.run([node, '--input-type=module', '-e', script]);
}

/** So that a machine which knows nothing of the lab's names can run the line. */
async function teachNames(host: Host): Promise<void> {
  const names = await scene.server.sh('grep localhost$ /etc/hosts | grep -v ^127');
  await host.run(['sh', '-c', 'cat >>/etc/hosts'], { input: names });
  await host.write('/root/.curlrc', await scene.server.read('/root/.curlrc'));
}
