/** One figure each, taken with standard programs. */
import type { Host } from '../lab/host.ts';

export interface Throughput {
  gbitPerSecond: number;
  bytes: number;
}

/** `forth`: the client sends. `back`: the server does. */
export type Direction = 'forth' | 'back';

/** iperf3 over TCP. The server side is started for this one measurement. */
export async function tcp(
  from: Host,
  to: Host,
  address: string,
  wanted: { streams: number; seconds: number; direction: Direction },
): Promise<Throughput> {
  const { streams, seconds, direction } = wanted;
  const options = ['--parallel', String(streams), ...(direction === 'back' ? ['--reverse'] : [])];
  const end = await iperf<{ end: { sum_received: { bits_per_second: number; bytes: number } } }>(
    from,
    to,
    address,
    seconds,
    options,
  );
  const { bits_per_second, bytes } = end.end.sum_received;
  return { gbitPerSecond: bits_per_second / 1e9, bytes };
}

export interface UdpSample {
  /** What arrived, Mbit/s of payload. */
  deliveredMbit: number;
  sentMbit: number;
  /** 0 to 1. */
  lost: number;
  packets: number;
}

/** iperf3 over UDP at a steady rate, 1300 bytes of payload a packet. */
export async function udp(
  from: Host,
  to: Host,
  address: string,
  wanted: { mbit: number; seconds: number },
): Promise<UdpSample> {
  // A receiver that has no room while it waits for its turn would lose what the tunnel has carried.
  const rate = [
    '--udp',
    '--length',
    '1300',
    '--bitrate',
    `${Math.round(wanted.mbit * 1000)}K`,
    '--window',
    '2M',
  ];
  const report = await iperf<UdpReport>(from, to, address, wanted.seconds, rate);
  return readUdpReport(report);
}

export interface UdpReport {
  end: { sum: { bits_per_second: number; lost_packets: number; packets: number } };
}

/** iperf3 counts as sent what the receiver knows of by its numbers: received and lost. */
export function readUdpReport({ end: { sum } }: UdpReport): UdpSample {
  const lost = sum.packets > 0 ? Math.max(0, sum.lost_packets) / sum.packets : 1;
  const sentMbit = sum.bits_per_second / 1e6;
  return { deliveredMbit: sentMbit * (1 - lost), sentMbit, lost, packets: sum.packets };
}

async function iperf<Report>(
  from: Host,
  to: Host,
  address: string,
  seconds: number,
  options: string[],
): Promise<Report> {
  const server = to.start('iperf3', ['iperf3', '--server', '--one-off', '--forceflush']);
  await server.waitFor(/Server listening/);
  const text = await from.run(
    ['iperf3', '--client', address, '--time', String(seconds), '--json', ...options],
    { timeoutMs: (seconds + 20) * 1000 },
  );
  await server.stop();
  return JSON.parse(text) as Report;
}

/** Round-trip times in ms, sorted. */
export async function roundTrips(
  from: Host,
  address: string,
  count: number,
  everySeconds = 0.01,
): Promise<number[]> {
  const text = await from.run(
    ['ping', '-n', '-i', String(everySeconds), '-c', String(count), address],
    { timeoutMs: count * everySeconds * 1000 + 20_000 },
  );
  return readRoundTrips(text);
}

export function readRoundTrips(text: string): number[] {
  return [...text.matchAll(/time=([\d.]+) ms/g)]
    .map((match) => Number(match[1]))
    .sort((a, b) => a - b);
}

export async function pause(seconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
