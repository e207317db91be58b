/** `--stay`: everything stays up; dashboard and provider open in the user's own browser, the laptop in a shell. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import colors from 'picocolors';
import type { Host } from '../lab/host.ts';
import type { Device } from '../world/device.ts';
import { GATEWAY_URL, PROVIDER_ISSUER, people } from '../world/provider.ts';
import {
  GATEWAY_ADDRESS,
  GATEWAY_PORT,
  PROVIDER_ADDRESS,
  PROVIDER_PORT,
} from '../world/topology.ts';
import type { World } from '../world/world.ts';

const WAYS = [
  { port: GATEWAY_PORT, address: GATEWAY_ADDRESS },
  { port: PROVIDER_PORT, address: PROVIDER_ADDRESS },
];

/** Ports of this machine's loopback that lead into the world. Taken before the story begins: nobody waits to hear that they cannot be. */
export class Doors implements Disposable {
  readonly #servers: Server[] = [];
  #from: Host | undefined;

  static async open(): Promise<Doors> {
    const doors = new Doors();
    try {
      for (const { port, address } of WAYS) await doors.#listen(port, address);
      return doors;
    } catch (cause) {
      doors[Symbol.dispose]();
      throw cause;
    }
  }

  /** Each connection goes on from inside this host's network. */
  leadInto(host: Host): void {
    this.#from = host;
  }

  [Symbol.dispose](): void {
    for (const server of this.#servers) server.close();
  }

  async #listen(port: number, address: string): Promise<void> {
    const server = createServer((socket) => this.#lead(socket, address, port));
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          error.code === 'EADDRINUSE'
            ? new Error(
                `port ${port} on this machine is taken; end what uses it, or the other demo`,
              )
            : error,
        ),
      );
      server.listen(port, '127.0.0.1', resolve);
    });
  }

  #lead(socket: Socket, address: string, port: number): void {
    socket.on('error', () => {});
    if (!this.#from) return void socket.destroy();
    const [program = '', ...rest] = this.#from.enter(['nc', address, String(port)]);
    const relay = spawn(program, rest, { stdio: ['pipe', 'pipe', 'ignore'] });
    socket.pipe(relay.stdin);
    relay.stdout.pipe(socket);
    relay.stdin.on('error', () => socket.destroy());
    socket.on('close', () => relay.kill());
  }
}

export async function stay(doors: Doors, world: World, device: Device): Promise<void> {
  doors.leadInto(world.lab.host('laptop'));
  const shell = device.host.enter(['su', '-', device.user]).join(' ');
  const { olivia, alice } = people;
  const forwards = WAYS.map(({ port }) => `-L ${port}:127.0.0.1:${port}`).join(' ');
  console.log(`
${colors.bold('It stays up until you press Enter.')}

  Dashboard   ${GATEWAY_URL}/
              as ${olivia.username} / ${olivia.password}, or as ${alice.username} / ${alice.password}
  Provider    ${PROVIDER_ISSUER}/, where “Sign in” leads to
              Both have certificates of their own making: your browser asks once for each whether it may go on.
  From afar   ssh ${forwards} THIS-MACHINE, then the same addresses
  A shell on the laptop, where ssh 192.168.0.10 works:
              sudo ${shell}
`);
  await untilEnter();
}

/** Without a terminal nobody can press Enter; then a signal ends the demo. */
async function untilEnter(): Promise<void> {
  if (process.stdin.isTTY !== true) {
    console.log('Ctrl-C ends it.');
    await new Promise(() => setInterval(() => {}, 60_000));
  }
  console.log('Enter ends it.');
  const input = createInterface({ input: process.stdin, terminal: false });
  await Promise.race([once(input, 'line'), once(input, 'close')]);
  input.close();
}
