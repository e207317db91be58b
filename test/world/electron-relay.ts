/**
 * Runs a program in a lab host and lets a debugger reach it. Electron says on stderr where it listens, and that is the
 * host's loopback; each such line is rewritten to a port out here, which leads there. Nothing else is changed.
 *
 *   node electron-relay.ts PID PROGRAM ARGUMENTS…      PID: a process in the host's network
 */
import { spawn } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const [networkOf = '', program = '', ...argv] = process.argv.slice(2);
const child = spawn(program, argv, { stdio: ['inherit', 'inherit', 'pipe'] });

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
  process.on(signal, () => child.kill(signal));
child.once('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));

for await (const line of createInterface({ input: child.stderr })) {
  const match = /^(\S+ listening on ws:\/\/127\.0\.0\.1:)(\d+)(.*)$/.exec(line);
  const shown = match ? `${match[1]}${await relayTo(match[2] ?? '')}${match[3]}` : line;
  process.stderr.write(`${shown}\n`);
}

function relayTo(port: string): Promise<number> {
  const server = createServer((socket) => {
    const enter = ['--target', networkOf, '--net', '--', 'nc', '127.0.0.1', port];
    const there = spawn('nsenter', enter, { stdio: ['pipe', 'pipe', 'ignore'] });
    socket.pipe(there.stdin);
    there.stdout.pipe(socket);
    socket.on('error', () => there.kill());
    socket.on('close', () => there.kill());
    there.stdin.on('error', () => socket.destroy());
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
