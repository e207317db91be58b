/** Our connector in front of the host `target`: as nobody, without a TUN. */
import type { Service } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { ENGINE } from './contender.ts';
import { untilThere } from './engines.ts';
import { configureEngine, type HubKeys } from './hub.ts';
import { HUB, RIGHT, TARGET } from './topology.ts';

export async function startConnector(host: Host, keys: HubKeys): Promise<Service> {
  const service = await startAsNobody(host);
  await configureEngine(host, SOCKET, {
    privateKey: keys.right.privateKey,
    mtu: 1420,
    addresses: [RIGHT.inner],
    ranges: [`${TARGET}/32`],
    overlay: ['100.96.0.0/24'],
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

const SOCKET = '/run/connector/engine.sock';

async function startAsNobody(host: Host): Promise<Service> {
  await host.sh('useradd --system connector && install -d -o connector /run/connector');
  // Most distributions let every group ping (systemd's own default); a new network namespace lets none.
  await host.run(['sysctl', '-qw', 'net.ipv4.ping_group_range=0 2147483647']);
  const argv = [ENGINE, 'connector', '--control', SOCKET];
  const service = host.start('culvert connector', argv, { user: 'connector' });
  await untilThere(host, service, SOCKET);
  return service;
}
