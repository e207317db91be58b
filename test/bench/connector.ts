/** Our connector in front of the host `target`: as nobody without a TUN, or as root with one. */
import type { Service } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import type { Ours } from './contender.ts';
import { untilThere } from './engines.ts';
import { configureEngine, type HubKeys } from './hub.ts';
import { HUB, RIGHT, TARGET } from './topology.ts';

const SOCKET = '/run/connector/engine.sock';
const OVERLAY = '100.96.0.0/24';

export async function startConnector(
  host: Host,
  { connector, engine }: Ours,
  keys: HubKeys,
): Promise<Service> {
  const service =
    connector === 'root' ? await startAsRoot(host, engine) : await startAsNobody(host, engine);
  await configureEngine(host, SOCKET, {
    privateKey: keys.right.privateKey,
    mtu: 1420,
    addresses: [RIGHT.inner],
    ranges: [`${TARGET}/32`],
    overlay: [OVERLAY],
    peers: [
      {
        id: 'hub',
        publicKey: keys.hub.publicKey,
        endpoints: [`${HUB.outer}:51820`],
        keepaliveSeconds: 1,
      },
    ],
  });
  return service;
}

async function startAsNobody(host: Host, engine: string): Promise<Service> {
  await host.sh('useradd --system connector && install -d -o connector /run/connector');
  // Most distributions let every group ping (systemd's own default); a new network namespace lets none.
  await host.run(['sysctl', '-qw', 'net.ipv4.ping_group_range=0 2147483647']);
  const argv = [engine, 'connector', '--control', SOCKET];
  const service = host.start('culvert connector', argv, { user: 'connector' });
  await untilThere(host, service, SOCKET);
  return service;
}

/** The kernel forwards; what surrounds the interface is as native/README.md has it. */
async function startAsRoot(host: Host, engine: string): Promise<Service> {
  await host.run(['install', '-d', '/run/connector']);
  const argv = [engine, 'connector', '--control', SOCKET, '--tun', 'wg0'];
  const service = host.start('culvert connector', argv);
  await untilThere(host, service, SOCKET);
  await host.run(['ip', 'address', 'add', `${RIGHT.inner}/32`, 'dev', 'wg0']);
  await host.run(['ip', 'link', 'set', 'wg0', 'mtu', '1420', 'up']);
  await host.run(['ip', 'route', 'add', OVERLAY, 'dev', 'wg0']);
  await forwardAndMasquerade(host);
  return service;
}

/** The ports that the connector's own listeners never have. */
const PORTS = ':1024-32767 fully-random';

async function forwardAndMasquerade(host: Host): Promise<void> {
  await host.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  await host.run(['nft', '-f', '-'], {
    input: `table ip bench {
  chain post {
    type nat hook postrouting priority srcnat
    ip saddr ${OVERLAY} meta l4proto { tcp, udp } masquerade to ${PORTS}
    ip saddr ${OVERLAY} masquerade
  }
}
`,
  });
}
