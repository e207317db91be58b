/** Where packets of a UDP measurement are dropped, as the kernel counts. */
import { readFile } from 'node:fs/promises';
import { sum } from './statistics.ts';

/** Since the host was made. */
export interface Drops {
  /** At the interface, before the engine has read them: its queue was full. */
  interface: number;
  /** At the engine's own sockets, before it has received them. */
  engineSocket: number;
  /** At all other UDP sockets of its host, also those that are closed by now: the program that measures. */
  otherSockets: number;
}

/** What the kernel shows in /proc/net. */
export interface Tables {
  dev: string;
  udp: string;
  snmp: string;
}

/** Of the host that the engine is in. */
export async function dropsBy(
  engine: number,
  place: { device: string; port: number },
): Promise<Drops> {
  const table = (name: string) => readFile(`/proc/${engine}/net/${name}`, 'utf8');
  const [dev, udp, snmp] = await Promise.all([table('dev'), table('udp'), table('snmp')]);
  return readDrops({ dev, udp, snmp }, place);
}

/** Over IPv4, which is what the bench measures. */
export function readDrops(
  { dev, udp, snmp }: Tables,
  { device, port }: { device: string; port: number },
): Drops {
  const engineSocket = droppedAtPort(udp, port);
  const otherSockets = noRoomAtSockets(snmp) - engineSocket;
  return { interface: droppedToSend(dev, device), engineSocket, otherSockets };
}

/** Lines such as ` 12: 00000000:CA6C 00000000:0000 07 … 4011 2 00000000a1b2c3d4 37`: the local port, and last what was dropped. */
function droppedAtPort(udp: string, port: number): number {
  const lines = [...udp.matchAll(/^\s*\d+: \w{8}:(\w{4}) .* (\d+)\s*$/gm)];
  const ours = lines.filter(([, local = '']) => Number.parseInt(local, 16) === port);
  return sum(ours.map(([, , dropped]) => Number(dropped)));
}

/** A line of names and one of values: `Udp: InDatagrams … RcvbufErrors …`, `Udp: 4000 … 12 …`. */
function noRoomAtSockets(snmp: string): number {
  const [names = [], values = []] = snmp
    .split('\n')
    .filter((line) => line.startsWith('Udp:'))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('RcvbufErrors')] ?? 0);
}

/** Behind the name eight counts of what came and eight of what went: bytes, packets, errors, drops and so on. */
function droppedToSend(dev: string, device: string): number {
  const line = dev.split('\n').find((each) => each.trimStart().startsWith(`${device}:`));
  const counts =
    line
      ?.slice(line.indexOf(':') + 1)
      .trim()
      .split(/\s+/) ?? [];
  return Number(counts[DROPPED_TO_SEND] ?? 0);
}

const DROPPED_TO_SEND = 8 + 3;

export function since(after: Drops, before: Drops): Drops {
  return {
    interface: after.interface - before.interface,
    engineSocket: after.engineSocket - before.engineSocket,
    otherSockets: after.otherSockets - before.otherSockets,
  };
}
