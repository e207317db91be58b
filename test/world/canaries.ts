/**
 * Programs of a user that never stop sending to private addresses, whatever happens to the tunnel: about a thousand packets a
 * second over UDP, TCP and ICMP, in both families, and pings that bind to the Wi-Fi card and so pass every route by.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Service } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { Capture } from './capture.ts';
import type { World } from './world.ts';

export interface CanaryTargets {
  ipv4: string;
  ipv6: string;
  /** The ranges that the targets lie in, as tcpdump names them. */
  networks: [string, string];
  /** The interface that leads home. */
  card: string;
}

/** What passed on the segment, by kind; every number is 0 when nothing leaked. */
export type Leak = Record<(typeof KINDS)[number], number>;

const KINDS = ['udp4', 'udp6', 'tcp4', 'tcp6', 'icmp4', 'icmp6', 'other'] as const;
export const NO_LEAK: Leak = { udp4: 0, udp6: 0, tcp4: 0, tcp6: 0, icmp4: 0, icmp6: 0, other: 0 };

const NODE = '/opt/culvert/node_modules/.bin/node';
const SENDER = '/opt/culvert/test/world/canary-sender.ts';

/** Sends while `act` runs, and says what of it was seen on the segment. */
export async function leakWhile(
  world: World,
  segment: string,
  targets: CanaryTargets,
  act: () => Promise<void>,
): Promise<Leak> {
  await using capture = await Capture.on(world.lab, segment);
  const senders = startSenders(world.lab.host('laptop'), targets);
  try {
    // What has not begun to send cannot leak; a `ping` that nobody answers does not say that it has.
    await senders[0]?.waitFor(/sending/);
    await pause(500);
    await act();
    await pause(500);
    for (const sender of senders) {
      if (!sender.isRunning) throw new Error(`${sender.name} ended early:\n${sender.log}`);
    }
    await capture.stop();
    return await countLeak(capture, targets);
  } finally {
    await Promise.all(senders.map((sender) => sender.stop('SIGKILL')));
  }
}

function startSenders(host: Host, { ipv4, ipv6, card }: CanaryTargets): Service[] {
  const alice = { user: 'alice' };
  const ping = ['ping', '-q', '-i', '0.01', '-s', '40'];
  return [
    host.start('canaries', [NODE, SENDER, ipv4, ipv6], alice),
    host.start('ping canary', [...ping, ipv4], alice),
    host.start('ping canary, IPv6', [...ping, ipv6], alice),
    host.start('bound ping canary', [...ping, '-I', card, ipv4], alice),
    host.start('bound ping canary, IPv6', [...ping, '-I', card, ipv6], alice),
  ];
}

async function countLeak(capture: Capture, { networks }: CanaryTargets): Promise<Leak> {
  const [ipv4, ipv6] = networks;
  const filters: Record<keyof Leak, string> = {
    udp4: `udp and net ${ipv4}`,
    udp6: `udp and net ${ipv6}`,
    tcp4: `tcp and net ${ipv4}`,
    tcp6: `tcp and net ${ipv6}`,
    icmp4: `icmp and net ${ipv4}`,
    icmp6: `icmp6 and net ${ipv6}`,
    // An address that is asked for by ARP is told to everybody too.
    other: `(net ${ipv4} or net ${ipv6}) and not udp and not tcp and not icmp and not icmp6`,
  };
  const counts = { ...NO_LEAK };
  for (const kind of KINDS) counts[kind] = (await capture.packets(filters[kind])).length;
  return counts;
}
