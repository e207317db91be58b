import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type Configuration, readConfiguration } from './configuration.ts';
import { chooseAddress, portFault, portNote } from './listen.ts';

let taken: Server | undefined;
afterEach(() => void taken?.close());

test('a chosen port that is free is the one', async () => {
  const port = await takePort();
  taken?.close();

  expect(await chooseAddress(read('--host', '127.0.0.1', '--port', String(port)))).toEqual({
    host: '127.0.0.1',
    port,
  });
});

test('a taken port is never silently another one', async () => {
  const port = await takePort();
  const configuration = {
    ...read('--host', '127.0.0.1'),
    listen: { host: '127.0.0.1', port },
    isPortChosen: false,
  };

  await expect(chooseAddress(configuration)).rejects.toMatchObject({
    code: 'port',
    message: `Port ${port} is taken by another program. Stop it, or choose another port with --port.`,
  });
});

test('an address that this machine does not have is said', async () => {
  await expect(chooseAddress(read('--host', '192.0.2.77', '--port', '0'))).rejects.toThrow(
    'This machine has no address 192.0.2.77. Choose another with --host.',
  );
});

test('where nobody chose the address, the next one is tried when the first is not this machine’s', async () => {
  const port = await takePort();
  taken?.close();
  const unchosen = {
    ...read(),
    listen: { host: '2001:db8::77', port },
    isHostChosen: false,
    isPortChosen: true,
  };

  expect(await chooseAddress(unchosen)).toEqual({ host: '0.0.0.0', port });
});

test('a port that this user may not have is refused with what to write in its place', () => {
  expect(portFault('::', 443, 'EACCES').message).toBe(
    'This user may not listen at port 443. Name one above 1023 in --public-url (https://HOST:8443), or choose it with --port and have port 443 passed on to it.',
  );
});

test('an address that does not lead to the port is told, and only then', () => {
  const passedOn = read('--public-url', 'https://gate.example.com', '--port', '8443');

  expect(portNote(passedOn)).toBe(
    'It listens at port 8443, but https://gate.example.com leads to port 443: have your router or proxy pass that on, TLS included.',
  );
  expect(portNote(read('--public-url', 'https://gate.example.com:8443'))).toBeUndefined();
});

function read(...args: string[]): Configuration {
  const outcome = readConfiguration(['--data', '/d', ...args], {});
  if (outcome.kind !== 'run') throw new Error('not a run');
  return outcome.configuration;
}

function takePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      resolve((server.address() as { port: number }).port);
    });
    taken = server;
  });
}
