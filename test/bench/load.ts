/** `culvert-load` (native/load): what is set upon an engine from outside. */
import type { Service } from '../lab/command.ts';
import { finish } from '../lab/command.ts';
import { type Host, repository } from '../lab/host.ts';

const PROGRAM = 'native/target/release/culvert-load';
const inHost = `/opt/culvert/${PROGRAM}`;

/** The public keys of its members, base64, by their numbers. */
export async function memberKeys(count: number): Promise<string[]> {
  const { code, stdout, stderr } = await finish([
    `${repository}/${PROGRAM}`,
    'keys',
    String(count),
  ]);
  if (code !== 0) throw new Error(`culvert-load made no keys: ${stderr}`);
  return stdout.trim().split('\n').map(hexToBase64);
}

/** Member 0 speaks from this port, the next from the next. */
export const FIRST_MEMBER_PORT = 20_000;

export interface Storm {
  answered: number;
  seconds: number;
  cookies: number;
  lost: number;
  /** Members whose last handshake was good to the end. */
  verified: number;
  /** Answered before the clock was started. */
  greetings: number;
}

export async function handshakeStorm(
  host: Host,
  to: { address: string; publicKey: string },
  wanted: { members: number; each: number; cores: string },
): Promise<Storm> {
  const argv = ['taskset', '--cpu-list', wanted.cores, inHost, 'handshakes'];
  const numbers = [wanted.members, HANDSHAKES_IN_FLIGHT, wanted.each].map(String);
  const text = await host.run([...argv, to.address, base64ToHex(to.publicKey), ...numbers], {
    timeoutMs: 300_000,
  });
  return JSON.parse(text) as Storm;
}

const HANDSHAKES_IN_FLIGHT = 16;

/** `noise` is none: what it costs to hear of it at all. */
export type BadHandshake = 'noise' | 'mac1' | 'stranger';

/** Sends until the seconds are over. */
export function startFlood(
  host: Host,
  to: { address: string; publicKey: string },
  wanted: { kind: BadHandshake; perSecond: number; seconds: number },
): Service {
  const { kind, perSecond, seconds } = wanted;
  const options = [kind, String(perSecond), String(seconds)];
  return host.start('flood', [inHost, 'flood', to.address, base64ToHex(to.publicKey), ...options]);
}

/** A port that nobody reads. */
export async function startSink(host: Host, port: number): Promise<void> {
  await host.start('sink', [inHost, 'sink', `0.0.0.0:${port}`]).waitFor(/ready/);
}

export interface Carried {
  sent: number;
  delivered: number;
  seconds: number;
}

export interface Phases {
  /** Every flow has sent its first packet. */
  introduced: Promise<unknown>;
  carried: Promise<Carried>;
}

/** All devices and the connector have a session when this returns. Between the phases is 0.3 s of nothing. */
export async function startDevices(
  host: Host,
  hub: { address: string; publicKey: string },
  wanted: { devices: number; flows: number; ranges: number; seconds: number; cores: string },
): Promise<Phases> {
  const { devices, flows, ranges, seconds, cores } = wanted;
  const numbers = [devices, flows, ranges, seconds].map(String);
  const service = host.start('devices', [
    'taskset',
    '--cpu-list',
    cores,
    inHost,
    'devices',
    hub.address,
    base64ToHex(hub.publicKey),
    ...numbers,
  ]);
  await service.waitFor(/joined/, 90_000);
  const introduced = service.waitFor(/ready/, 60_000);
  const carried = service
    .waitFor(/done (\{.*\})/, (seconds + 80) * 1000)
    .then((match) => JSON.parse(match[1] ?? '') as Carried);
  return { introduced, carried };
}

function hexToBase64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}

function base64ToHex(key: string): string {
  return Buffer.from(key, 'base64').toString('hex');
}
