/** The administrator's part: sign in, create a network, run the copied line in the VPC, say who may reach it. */
import type { Administrator } from '../world/administrator.ts';
import { createNetworkAndCopyLine } from '../world/dashboard.ts';
import { people } from '../world/provider.ts';
import { VPC_RANGE, type World } from '../world/world.ts';
import type { Story } from './story.ts';

export interface SetUp {
  administrator: Administrator;
  networkId: string;
}

export async function administratorSetsUp(story: Story, world: World): Promise<SetUp> {
  story.chapter(`${people.olivia.name} is the administrator`);
  const administrator = await story.step(
    'signs in at the dashboard with the organisation’s provider (headless Chromium)',
    () => world.administrator(),
  );
  const command = await story.step('creates the network “tokyo-vpc” and copies its line', () =>
    createNetworkAndCopyLine(administrator.page, 'tokyo-vpc'),
  );
  const [network] = await administrator.networks();
  if (!network) throw new Error('the gateway does not know the network that was created');

  const server = world.lab.host('server');
  story.show(
    `${command.replace(/(cvt1\.).{40,}$/, '$1…')}      # on 192.168.0.10, which holds nothing of ours`,
    '',
  );
  const install = await story.step('runs that line on 192.168.0.10', async () => {
    const service = server.start('install', ['sh', '-c', command]);
    const [code] = await service.ended;
    if (code !== 0) throw new Error(`the line ended with exit code ${code}:\n${service.log}`);
    return service;
  });
  story.show('', install.log);
  const tookMs = await story.step('the connector turns green by itself', async () => {
    await world.untilOnline(administrator, network.id);
    const { connectors } = await administrator.network(network.id);
    return Date.now() - (connectors[0]?.joinedAt ?? 0);
  });
  story.fact('connector joined → shown online', `within ${tookMs} ms`);
  await story.step(`enters the range ${VPC_RANGE}`, () =>
    administrator.addRange(network.id, VPC_RANGE),
  );
  await story.step('lets everyone in the organisation reach it', () =>
    administrator.allow('Everyone to Tokyo', network.id),
  );
  return { administrator, networkId: network.id };
}
