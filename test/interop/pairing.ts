/** One of our devices and one of somebody else's, as an interface each on two hosts of one wire. */

import { generateKeyPair } from '../../native/wg/keys.ts';
import type { Host } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import { lostPings } from '../lab/pings.ts';
import type { Topology } from '../lab/topology.ts';
import { culvert, type Opponent } from './opponents.ts';

/** ours 192.0.2.1, fd00:2::1 ── wire ── theirs 192.0.2.2, fd00:2::2 */
export const interopTopology: Topology = {
  segments: ['wire'],
  hosts: {
    ours: {
      holds: 'culvert',
      links: [{ name: 'eth0', segment: 'wire', addresses: ['192.0.2.1/24', 'fd00:2::1/64'] }],
    },
    theirs: {
      holds: 'culvert',
      links: [{ name: 'eth0', segment: 'wire', addresses: ['192.0.2.2/24', 'fd00:2::2/64'] }],
    },
  },
};

export interface Combination {
  opponent: Opponent;
  /** Who knows where the other is, and begins. */
  initiator: 'ours' | 'theirs';
  outer: 'IPv4' | 'IPv6';
  isPreshared: boolean;
}

export function combinations(opponent: Opponent): Combination[] {
  const all: Combination[] = [];
  for (const initiator of ['ours', 'theirs'] as const)
    for (const outer of ['IPv4', 'IPv6'] as const)
      for (const isPreshared of [false, true])
        all.push({ opponent, initiator, outer, isPreshared });
  return all;
}

export function nameOf({ opponent, initiator, outer, isPreshared }: Combination): string {
  const begins = initiator === 'ours' ? 'culvert begins' : `${opponent.name} begins`;
  return `${opponent.name}, ${begins}, ${outer}, ${isPreshared ? 'with' : 'without'} a preshared key`;
}

interface End {
  host: Host;
  /** Last number of its addresses, inner and outer. */
  number: 1 | 2;
  publicKey: string;
}

export class Pairing {
  readonly #interface: string;
  readonly #port: number;
  readonly #net: number;
  readonly #combination: Combination;
  readonly #ends: { initiator: End; responder: End };
  readonly #preshared = generateKeyPair().privateKey;

  /** `number` tells pairings of one lab apart. */
  constructor(lab: Lab, number: number, combination: Combination) {
    this.#interface = `wg${number}`;
    this.#port = 51820 + number;
    this.#net = number;
    this.#combination = combination;
    const ours: End = { host: lab.host('ours'), number: 1, publicKey: '' };
    const theirs: End = { host: lab.host('theirs'), number: 2, publicKey: '' };
    this.#ends =
      combination.initiator === 'ours'
        ? { initiator: ours, responder: theirs }
        : { initiator: theirs, responder: ours };
  }

  async start(): Promise<void> {
    const { initiator, responder } = this.#ends;
    for (const end of [initiator, responder]) {
      const engine = end.number === 1 ? culvert : this.#combination.opponent;
      await engine.start(end.host, this.#interface);
      await this.#giveKey(end, ['listen-port', String(this.#port)]);
      await end.host.run([
        'ip',
        'address',
        'add',
        `${this.#inner(end)}/24`,
        'dev',
        this.#interface,
      ]);
      await end.host.run(['ip', 'link', 'set', this.#interface, 'up']);
    }
    await this.#introduce();
  }

  /** A new key for our side (some others can not change theirs): sessions end, and the next packet needs a handshake. */
  async changeKey(): Promise<void> {
    const { initiator, responder } = this.#ends;
    const [ours, theirs] = initiator.number === 1 ? [initiator, responder] : [responder, initiator];
    const old = ours.publicKey;
    await this.#giveKey(ours, []);
    await this.#set(theirs, ['peer', old, 'remove']);
    await this.#introduce();
  }

  /** Which of so many pings did not come back to who begins, by number from 1. */
  async lostPings(count: number, intervalSeconds: number): Promise<number[]> {
    const { initiator, responder } = this.#ends;
    return await lostPings(initiator.host, this.#inner(responder), count, intervalSeconds);
  }

  /** When our side's session was made, in Unix seconds; 0: there is none yet. */
  async lastHandshake(): Promise<string> {
    const { initiator, responder } = this.#ends;
    const ours = initiator.number === 1 ? initiator : responder;
    const said = await ours.host.run(['wg', 'show', this.#interface, 'latest-handshakes']);
    return said.trim().split('\t')[1] ?? '0';
  }

  async #introduce(): Promise<void> {
    const { initiator, responder } = this.#ends;
    const outer =
      this.#combination.outer === 'IPv4'
        ? `192.0.2.${responder.number}`
        : `[fd00:2::${responder.number}]`;
    const secret = this.#combination.isPreshared ? ['preshared-key', this.#secretFile] : [];
    for (const end of [initiator, responder]) {
      if (secret.length > 0) await end.host.write(this.#secretFile, this.#preshared, 0o600);
      const other = end === initiator ? responder : initiator;
      const endpoint = end === initiator ? ['endpoint', `${outer}:${this.#port}`] : [];
      const allowed = ['allowed-ips', `${this.#inner(other)}/32`];
      await this.#set(end, ['peer', other.publicKey, ...secret, ...endpoint, ...allowed]);
    }
  }

  async #giveKey(end: End, port: string[]): Promise<void> {
    const { privateKey, publicKey } = generateKeyPair();
    end.publicKey = publicKey;
    const file = `/run/${this.#interface}.key`;
    await end.host.write(file, privateKey, 0o600);
    await this.#set(end, ['private-key', file, ...port]);
  }

  async #set(end: End, argv: string[]): Promise<void> {
    await end.host.run(['wg', 'set', this.#interface, ...argv]);
  }

  get #secretFile(): string {
    return `/run/${this.#interface}.preshared`;
  }

  #inner(end: End): string {
    return `10.60.${this.#net}.${end.number}`;
  }
}
