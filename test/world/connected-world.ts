/** The world after the first hour: connector joined, range entered, everybody allowed, and alice's laptop signed in and on. */
import type { Network, Rule } from '../../gateway/contract/admin-api.ts';
import type { Administrator } from './administrator.ts';
import type { Device } from './device.ts';
import { hostState } from './host-state.ts';
import { people } from './provider.ts';
import { World } from './world.ts';

export interface ConnectedWorld {
  world: World;
  administrator: Administrator;
  network: Network;
  rule: Rule;
  device: Device;
  /** The laptop before its first `culvert up`. */
  stateBefore: string;
}

export async function buildConnectedWorld(): Promise<ConnectedWorld> {
  const world = await World.build();
  try {
    return { world, ...(await connect(world)) };
  } catch (cause) {
    const { logs } = world.lab;
    await world.stop();
    throw new Error(`alice did not get on: ${(cause as Error).message}\n${logs}`, { cause });
  }
}

async function connect(world: World): Promise<Omit<ConnectedWorld, 'world'>> {
  const [administrator, device] = await Promise.all([world.administrator(), world.device()]);
  const { network, rule } = await world.network(administrator);
  await device.signIn(world.browser, world.gateway.joinLink, people.alice);
  const stateBefore = await hostState(device.host);
  await device.culvert(['up', '--wait']);
  return { administrator, network, rule, device, stateBefore };
}
