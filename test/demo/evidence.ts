/** For the sceptic: what went over the Internet, and what the connector may do. */
import type { Capture } from '../world/capture.ts';
import type { Device } from '../world/device.ts';
import {
  GATEWAY_ADDRESS,
  GATEWAY_PORT,
  PROVIDER_ADDRESS,
  PROVIDER_PORT,
} from '../world/topology.ts';
import { CANARY, type World } from '../world/world.ts';
import type { Story } from './story.ts';

export async function evidence(
  story: Story,
  world: World,
  device: Device,
  { internet, vpcWeb }: { internet: Capture; vpcWeb: Capture },
): Promise<void> {
  story.chapter('For the sceptic');
  story.show('wg show                # on the laptop', await device.host.run(['wg', 'show']));
  story.show(
    'wg show                # on the gateway',
    await world.lab.host('gateway').run(['wg', 'show']),
  );
  await Promise.all([internet.stop(), vpcWeb.stop()]);
  await story.step(
    'the Internet saw nothing but encrypted UDP to the gateway and TLS',
    () => onlyEncrypted(internet),
    (count) => `${count} packets captured, 0 others`,
  );
  await story.step('the secret word is in no packet there', async () => {
    if (await internet.holds(CANARY)) throw new Error('the captured packets hold it in clear');
  });
  await story.step('inside the VPC, where it may be read, the same search finds it', async () => {
    if (!(await vpcWeb.holds(CANARY))) throw new Error('the search does not find it there either');
  });
  const connector = await story.step(
    'the connector has a user of its own, no capability and no listening socket, TCP or UDP',
    () => connectorRights(world),
  );
  story.show('ps, /proc/PID/status and ss on 192.168.0.10', connector);
}

async function onlyEncrypted(capture: Capture): Promise<number> {
  const wireguard = `(udp port 51820 and host ${GATEWAY_ADDRESS})`;
  const tls = `(tcp port ${GATEWAY_PORT} and host ${GATEWAY_ADDRESS}) or (tcp port ${PROVIDER_PORT} and host ${PROVIDER_ADDRESS})`;
  const neighbours = '(arp or icmp6 or ip6 multicast)';
  const all = await capture.packets('');
  const others = await capture.packets(`not (${wireguard} or ${tls} or ${neighbours})`);
  if (others.length > 0) throw new Error(`${others.length} other packets, the first: ${others[0]}`);
  const clear = (
    await capture.packets(
      `tcp port ${GATEWAY_PORT} and tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420`,
    )
  ).length;
  if (clear > 0) throw new Error(`${clear} plain HTTP requests`);
  return all.length;
}

async function connectorRights(world: World): Promise<string> {
  const server = world.lab.host('server');
  const report = await server.sh(`for pid in $(pgrep -u culvert-connector); do
  echo "$(ps -o user=,pid=,comm= -p $pid)  $(grep -E '^Cap(Eff|Prm|Bnd)' /proc/$pid/status | tr -s '\\t\\n' ' ')"
done
ss -Hltnup`);
  const processes = report
    .split('\n')
    .filter((line) => line.startsWith('culvert-') || line.startsWith('culvert+'));
  if (processes.length < 2)
    throw new Error(`expected the connector and its engine, got:\n${report}`);
  for (const line of processes) {
    if (!/CapPrm: 0{16} CapEff: 0{16}/.test(line)) throw new Error(`a capability is left: ${line}`);
  }
  // `ss -l`: TCP in LISTEN and UDP that is connected to nobody (UNCONN), each with its process.
  const listeners = report
    .split('\n')
    .filter((line) => /LISTEN|UNCONN/.test(line) && /node|culvert/.test(line));
  if (listeners.length > 0) throw new Error(`the connector listens: ${listeners.join('\n')}`);
  return report;
}
