/** Starts every engine of the soak, and changes them while they run. */
import type { GatewayEngineConfig } from '../../native/client/protocol.ts';
import { ENGINE } from '../bench/contender.ts';
import { untilThere } from '../bench/engines.ts';
import { configureEngine } from '../bench/hub.ts';
import { type KeyPair, keyPair } from '../bench/keys.ts';
import { culvert, type Opponent, opponents } from '../interop/opponents.ts';
import type { Service } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import { Watched } from './samples.ts';
import { NODE, TRAFFIC } from './talker.ts';
import {
  CONNECTOR,
  DEVICES,
  type DeviceName,
  ECHO_PORT,
  HUB,
  LEFT,
  PAIRS,
  RIGHT,
  TARGET,
} from './topology.ts';

const HUB_SOCKET = '/run/engine.sock';
/** Devices that come and go with the guest and never say a word. */
const CROWD = 100;
const WHOLE_MESSAGE_OF_AN_INITIATION = 8 + 148;

export class Scene {
  readonly lab: Lab;
  readonly watched: Watched[] = [];
  readonly #hubKey = keyPair();
  readonly #connectorKey = keyPair();
  readonly #deviceKeys: Record<DeviceName, KeyPair> = {
    steady: keyPair(),
    roamer: keyPair(),
    guest: keyPair(),
  };
  #isAway = false;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  async start(): Promise<void> {
    const hub = this.#host('hub');
    this.#watch('gateway', hub.start('gateway', [ENGINE, 'gateway', '--control', HUB_SOCKET]));
    await untilThere(hub, this.#service, HUB_SOCKET);
    await this.configureHub(true);
    await this.#startConnector();
    for (const name of Object.keys(DEVICES) as DeviceName[]) await this.#startDevice(name);
    for (const pair of PAIRS) await this.#startPair(pair);
    for (const host of ['target', 'right']) {
      const argv = [NODE, '--no-warnings', TRAFFIC, 'echo', String(ECHO_PORT)];
      await this.#host(host).start('echo', argv).waitFor(/ready/);
    }
  }

  /** The guest and its crowd are among the gateway's peers, or are not. */
  async configureHub(hasGuests: boolean): Promise<void> {
    const names = (Object.keys(DEVICES) as DeviceName[]).filter((n) => hasGuests || n !== 'guest');
    const config: GatewayEngineConfig = {
      privateKey: this.#hubKey.privateKey,
      listenPort: HUB.port,
      mtu: 1420,
      peers: [
        ...names.map((name) => device(name, this.#deviceKeys[name].publicKey, DEVICES[name].inner)),
        ...(hasGuests ? crowd() : []),
        {
          kind: 'connector',
          id: 'connector',
          publicKey: this.#connectorKey.publicKey,
          addresses: [CONNECTOR.inner],
          networkId: 'net',
          healthy: true,
        },
      ],
      networks: [{ id: 'net', ranges: [`${TARGET}/32`] }],
      rules: [
        {
          id: 'all',
          name: 'all',
          action: 'allow',
          subjects: ['everyone'],
          networkIds: [],
          ranges: [],
          protocol: 'any',
          ports: [],
        },
      ],
    };
    await configureEngine(this.#host('hub'), HUB_SOCKET, config);
  }

  async giveGuestNewKey(): Promise<void> {
    this.#deviceKeys.guest = keyPair();
    await this.#giveKey(this.#host('guest'), 'wg0', this.#deviceKeys.guest);
  }

  /** To its other address, and another port. */
  async roam(): Promise<void> {
    this.#isAway = !this.#isAway;
    const { outer, other } = DEVICES.roamer;
    const [next, last] = this.#isAway ? [other, outer] : [outer, other];
    const host = this.#host('roamer');
    await host.run(['ip', 'address', 'del', `${last}/24`, 'dev', 'eth0']);
    await host.run(['ip', 'address', 'add', `${next}/24`, 'dev', 'eth0']);
    const port = 20_000 + Math.floor(Math.random() * 40_000);
    await host.run(['wg', 'set', 'wg0', 'listen-port', String(port)]);
  }

  /** Handshakes that began on the wire between `left` and `right`, by pair. */
  async initiations(): Promise<number[]> {
    const listed = await this.#host('right').run(['nft', '-j', 'list', 'counters']);
    const { nftables } = JSON.parse(listed) as {
      nftables: { counter?: { name: string; packets: number } }[];
    };
    return PAIRS.map(({ interfaceName }) =>
      nftables
        .flatMap(({ counter }) =>
          counter?.name.startsWith(interfaceName) ? [counter.packets] : [],
        )
        .reduce((total, packets) => total + packets, 0),
    );
  }

  async #startConnector(): Promise<void> {
    const host = this.#host('connector');
    const socket = '/run/connector/engine.sock';
    await host.sh('useradd --system connector && install -d -o connector /run/connector');
    const argv = [ENGINE, 'connector', '--control', socket];
    this.#watch('connector', host.start('connector', argv, { user: 'connector' }));
    await untilThere(host, this.#service, socket);
    await configureEngine(host, socket, {
      privateKey: this.#connectorKey.privateKey,
      mtu: 1420,
      addresses: [CONNECTOR.inner],
      ranges: [`${TARGET}/32`],
      overlay: ['100.96.0.0/16'],
      peers: [
        {
          id: 'hub',
          publicKey: this.#hubKey.publicKey,
          endpoints: [`${HUB.outer}:${HUB.port}`],
          keepaliveSeconds: 5,
        },
      ],
    });
  }

  async #startDevice(name: DeviceName): Promise<void> {
    const host = this.#host(name);
    this.#watch(name, await this.#startInterface(host, culvert, 'wg0', DEVICES[name].inner));
    await this.#giveKey(host, 'wg0', this.#deviceKeys[name]);
    const peer = ['peer', this.#hubKey.publicKey, 'endpoint', `${HUB.outer}:${HUB.port}`];
    await host.run(['wg', 'set', 'wg0', ...peer, 'allowed-ips', `${TARGET}/32`]);
    await host.run(['ip', 'route', 'add', `${TARGET}/32`, 'dev', 'wg0']);
  }

  async #startPair({ interfaceName, port, left, right }: (typeof PAIRS)[number]): Promise<void> {
    const theirs = opponents['wireguard-go'] ?? culvert;
    const isOurs = interfaceName === 'wg0';
    const keys = { left: keyPair(), right: keyPair() };
    const ends = [
      {
        host: this.#host('left'),
        engine: isOurs ? culvert : theirs,
        own: keys.left,
        other: keys.right,
        from: left,
        to: right,
        at: RIGHT,
      },
      {
        host: this.#host('right'),
        engine: theirs,
        own: keys.right,
        other: keys.left,
        from: right,
        to: left,
        at: LEFT,
      },
    ];
    for (const end of ends) {
      const service = await this.#startInterface(end.host, end.engine, interfaceName, end.from);
      if (end.engine === culvert) this.#watch('left', service);
      await this.#giveKey(end.host, interfaceName, end.own);
      const peer = ['peer', end.other.publicKey, 'endpoint', `${end.at}:${port}`];
      const allowed = ['allowed-ips', `${end.to}/32`];
      await end.host.run([
        'wg',
        'set',
        interfaceName,
        'listen-port',
        String(port),
        ...peer,
        ...allowed,
      ]);
    }
    await this.#countInitiations(interfaceName, port);
  }

  /** Both ways, as they pass `right`. */
  async #countInitiations(interfaceName: string, port: number): Promise<void> {
    const counted = ['input', 'output'].map(
      (hook) => `counter ${interfaceName}_${hook} {}
        chain ${interfaceName}_${hook} {
          type filter hook ${hook} priority 0
          udp dport ${port} udp length ${WHOLE_MESSAGE_OF_AN_INITIATION} @th,64,8 1 counter name ${interfaceName}_${hook}
        }`,
    );
    const input = `table ip soak {\n${counted.join('\n')}\n}\n`;
    await this.#host('right').run(['nft', '-f', '-'], { input });
  }

  async #startInterface(
    host: Host,
    engine: Opponent,
    interfaceName: string,
    address: string,
  ): Promise<Service> {
    const service = await engine.start(host, interfaceName);
    if (!service) throw new Error(`${engine.name} runs in the kernel`);
    await host.run(['ip', 'address', 'add', `${address}/24`, 'dev', interfaceName]);
    await host.run(['ip', 'link', 'set', interfaceName, 'up']);
    return service;
  }

  async #giveKey(host: Host, interfaceName: string, { privateKey }: KeyPair): Promise<void> {
    const file = `/run/${interfaceName}.key`;
    await host.write(file, privateKey, 0o600);
    await host.run(['wg', 'set', interfaceName, 'private-key', file]);
  }

  #host(name: string): Host {
    return this.lab.host(name);
  }

  #watch(name: string, service: Service): void {
    this.#service = service;
    this.watched.push(new Watched(name, service));
  }

  /** The one that was started last. */
  #service!: Service;
}

function device(
  id: string,
  publicKey: string,
  address: string,
): GatewayEngineConfig['peers'][number] {
  return {
    kind: 'device',
    id,
    publicKey,
    addresses: [address],
    subjects: ['everyone'],
    expiresAt: null,
  };
}

/** New keys each time. */
function crowd(): GatewayEngineConfig['peers'] {
  return Array.from({ length: CROWD }, (_, number) =>
    device(`crowd-${number}`, keyPair().publicKey, `100.96.2.${number + 1}`),
  );
}
