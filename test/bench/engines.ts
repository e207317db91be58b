/** Starting an engine as an interface in a lab host, configured and up. */
import type { Service } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import type { Contender } from './contender.ts';

export interface InterfacePeer {
  publicKey: string;
  allowedIps: string[];
  endpoint?: string;
  keepalive?: number;
}

/** Makes `wg0` with that key, those peers and that address (of a /24), and sets it up. */
export async function startInterface(
  host: Host,
  contender: Contender,
  privateKey: string,
  address: string,
  peers: InterfacePeer[],
): Promise<Service[]> {
  const services = await startBare(host, contender);
  await configure(host, privateKey, peers);
  await host.run(['ip', 'address', 'add', `${address}/24`, 'dev', 'wg0']);
  await host.run(['ip', 'link', 'set', 'wg0', 'mtu', '1420', 'up']);
  return services;
}

/** `wg0` is there and knows nothing yet. */
export async function startBare(host: Host, contender: Contender): Promise<Service[]> {
  if (contender.isKernel) {
    await host.run(contender.interfaceArgv('wg0'));
    return [];
  }
  const service = host.start(contender.name, contender.interfaceArgv('wg0'), {
    env: contender.env,
  });
  await untilThere(host, service, '/var/run/wireguard/wg0.sock');
  return [service];
}

/** With `wg setconf`, as a user would. */
export async function configure(
  host: Host,
  privateKey: string,
  peers: InterfacePeer[],
): Promise<void> {
  await writeConfiguration(host, privateKey, peers);
  await host.run(['wg', 'setconf', 'wg0', CONFIGURATION]);
}

export const CONFIGURATION = '/run/wg0.conf';

export async function writeConfiguration(
  host: Host,
  privateKey: string,
  peers: InterfacePeer[],
): Promise<void> {
  const blocks = peers.map(
    (peer) => `[Peer]
PublicKey = ${peer.publicKey}
AllowedIPs = ${peer.allowedIps.join(', ')}
${peer.endpoint ? `Endpoint = ${peer.endpoint}\n` : ''}${peer.keepalive ? `PersistentKeepalive = ${peer.keepalive}\n` : ''}`,
  );
  const interfaceBlock = `[Interface]\nPrivateKey = ${privateKey}\nListenPort = 51820\n`;
  await host.write(CONFIGURATION, interfaceBlock + blocks.join(''), 0o600);
}

export async function untilThere(host: Host, service: Service, file: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await host.try(['test', '-S', file])).code === 0) return;
    if (!service.isRunning) break;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${service.name} did not make ${file}:\n${service.log}`);
}
