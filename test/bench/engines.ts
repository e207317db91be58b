/** The engines that are compared, each as one knows how to start it: as an interface, and as the hub between two. */
import type { Service } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';

export interface Contender {
  name: string;
  /** Starts in the foreground with an interface of that name and a UAPI socket. */
  interfaceArgv(name: string): string[];
  env?: Record<string, string>;
}

export const culvert: Contender = {
  name: 'culvert',
  interfaceArgv: (name) => ['/opt/culvert/native/target/release/culvert-engine', 'device', name],
};

export const debianWireGuardGo: Contender = {
  name: 'wireguard-go (Debian)',
  interfaceArgv: (name) => ['wireguard-go', '-f', name],
  env: { LOG_LEVEL: 'error', WG_PROCESS_FOREGROUND: '1' },
};

export interface InterfacePeer {
  publicKey: string;
  allowedIps: string[];
  endpoint?: string;
  keepalive?: number;
}

/** Starts an engine with one interface `wg0`, configured and up. */
export async function startInterface(
  host: Host,
  contender: Contender,
  privateKey: string,
  address: string,
  peers: InterfacePeer[],
  mtu = 1420,
): Promise<Service> {
  const service = host.start(contender.name, contender.interfaceArgv('wg0'), {
    ...(contender.env ? { env: contender.env } : {}),
  });
  await untilThere(host, service, '/var/run/wireguard/wg0.sock');
  const blocks = peers.map(
    (peer) => `[Peer]
PublicKey = ${peer.publicKey}
AllowedIPs = ${peer.allowedIps.join(', ')}
${peer.endpoint ? `Endpoint = ${peer.endpoint}\n` : ''}${peer.keepalive ? `PersistentKeepalive = ${peer.keepalive}\n` : ''}`,
  );
  const interfaceBlock = `[Interface]\nPrivateKey = ${privateKey}\nListenPort = 51820\n`;
  await host.write('/run/wg0.conf', interfaceBlock + blocks.join(''), 0o600);
  await host.run(['wg', 'setconf', 'wg0', '/run/wg0.conf']);
  await host.run(['ip', 'address', 'add', `${address}/24`, 'dev', 'wg0']);
  await host.run(['ip', 'link', 'set', 'wg0', 'mtu', String(mtu), 'up']);
  return service;
}

export async function untilThere(host: Host, service: Service, file: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await host.try(['test', '-S', file])).code === 0) return;
    if (!service.isRunning) break;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${service.name} did not make ${file}:\n${service.log}`);
}
