/** `--stay`: everything stays up; dashboard and provider open in the user's own browser, the laptop in a shell. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline/promises';
import colors from 'picocolors';
import type { Device } from '../world/device.ts';
import { GATEWAY_URL, people } from '../world/provider.ts';
import {
  GATEWAY_ADDRESS,
  GATEWAY_PORT,
  PROVIDER_ADDRESS,
  PROVIDER_PORT,
} from '../world/topology.ts';
import type { World } from '../world/world.ts';

export async function stay(world: World, device: Device): Promise<void> {
  const ways = await Promise.all([
    forward(world, GATEWAY_PORT, GATEWAY_ADDRESS),
    forward(world, PROVIDER_PORT, PROVIDER_ADDRESS),
  ]);
  const shell = device.host.enter(['su', '-', device.user]).join(' ');
  const { olivia, alice } = people;
  console.log(`
${colors.bold('It stays up until you press Enter.')}

  Dashboard   ${GATEWAY_URL}/      (the certificate is the gateway’s own: accept it once)
              as ${olivia.username} / ${olivia.password}, or as ${alice.username} / ${alice.password}
  From afar   ssh -L ${GATEWAY_PORT}:127.0.0.1:${GATEWAY_PORT} -L ${PROVIDER_PORT}:127.0.0.1:${PROVIDER_PORT} THIS-MACHINE, then the same address
  A shell on the laptop, where ssh 192.168.0.10 works:
              sudo ${shell}
`);
  await untilEnter();
  for (const way of ways) way.close();
}

/** Without a terminal nobody can press Enter; then a signal ends the demo. */
async function untilEnter(): Promise<void> {
  if (process.stdin.isTTY !== true) {
    console.log('Ctrl-C ends it.');
    await new Promise(() => setInterval(() => {}, 60_000));
  }
  const input = createInterface({ input: process.stdin, output: process.stdout });
  await Promise.race([input.question('Enter ends it. '), once(input, 'close')]);
  input.close();
}

/** Each connection to the loopback port goes on from inside the laptop's network. */
async function forward(world: World, port: number, address: string): Promise<Server> {
  const server = createServer((socket) => {
    const [program = '', ...rest] = world.lab.host('laptop').enter(['nc', address, String(port)]);
    const relay = spawn(program, rest, { stdio: ['pipe', 'pipe', 'ignore'] });
    socket.pipe(relay.stdin);
    relay.stdout.pipe(socket);
    relay.stdin.on('error', () => socket.destroy());
    socket.on('error', () => relay.kill());
    socket.on('close', () => relay.kill());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`port ${port} on this machine is taken; end what uses it, or the other demo`)
          : error,
      ),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  return server;
}
