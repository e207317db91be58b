/** What the chapters share: each finds it as the one before has left it. */
import type { ConnectorInstall, Network } from '../../../gateway/contract/admin-api.ts';
import type { Finished, Service } from '../../lab/command.ts';
import type { Host } from '../../lab/host.ts';
import type { Administrator } from '../../world/administrator.ts';
import type { Device } from '../../world/device.ts';
import { VPC_RANGE, World } from '../../world/world.ts';

export const GATEWAY_DATA = '/var/lib/culvert-gateway/data';
export const CONNECTOR = '/opt/culvert-connector/bin/culvert-connector';

interface Scene {
  world: World;
  administrator: Administrator;
  network: Network;
  device: Device;
  laptop: Host;
  server: Host;
  gatewayHost: Host;
  gateway: Service;
  /** The laptop before the first `culvert up`. */
  stateBefore: string;
  /** Made while the gateway was there, for when it is not. */
  spare: ConnectorInstall;
}

/** Filled before the first test; the last two by the tests that make them. */
export const scene = {} as Scene;

export async function openScene(): Promise<void> {
  scene.world = await World.build();
  scene.laptop = scene.world.lab.host('laptop');
  scene.server = scene.world.lab.host('server');
  scene.gatewayHost = scene.world.lab.host('gateway');
  scene.gateway = scene.world.gateway.service;
  [scene.administrator, scene.device] = await Promise.all([
    scene.world.administrator(),
    scene.world.device(),
  ]);
  scene.network = await scene.administrator.createNetwork('tokyo-vpc');
  await scene.administrator.addRange(scene.network.id, VPC_RANGE);
  await scene.administrator.allow('Everyone to Tokyo', scene.network.id);
}

export interface Told {
  code: number | null;
  said: string;
}

export function told({ code, stderr }: Finished): Told {
  return { code, said: stderr };
}

/** For a service that ends by itself because it refuses. */
export async function toldByEnd(service: Service): Promise<Told> {
  const [code] = await service.ended;
  return { code, said: service.log };
}

export async function reachesSecond(): Promise<string> {
  const argv = ['curl', '-fsS', '--max-time', '5', 'http://192.168.0.20/'];
  return (await scene.laptop.run(argv, { user: 'alice' })).trim();
}
