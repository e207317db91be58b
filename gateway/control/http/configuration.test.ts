import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Configuration, listeningAt, readConfiguration } from './configuration.ts';

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'culvert-configuration-'));
});
afterEach(() => rmSync(path, { recursive: true }));

test('flags win over the environment, and that over the file', () => {
  const file = write(
    'data: /from/file\nlisten: { port: 1111, host: 10.0.0.1 }\nwireguardPort: 2222\nlogLevel: warn\n',
  );

  const configuration = read(['--config', file, '--port', '3333'], {
    CULVERT_PORT: '4444',
    CULVERT_WIREGUARD_PORT: '5555',
  });

  expect(configuration).toMatchObject({
    data: '/from/file',
    listen: { host: '10.0.0.1', port: 3333 },
    wireguardPort: 5555,
    logLevel: 'warn',
    isPortChosen: true,
  });
});

test('endpoints follow the public address where nobody gave them', () => {
  const configuration = read(['--data', '/d', '--public-url', 'https://gate.example.com:8443/']);

  expect(configuration.publicUrl).toBe('https://gate.example.com:8443');
  expect(configuration.endpoints).toEqual(['gate.example.com:51820']);
});

test('it listens at the port of an address that somebody gave, unless another was chosen', () => {
  const plain = read(['--data', '/d', '--public-url', 'https://gate.example.com']);
  const other = read(['--data', '/d', '--public-url', 'https://gate.example.com:9443']);
  const passedOn = read(['--data', '/d', '--public-url', 'https://g.example', '--port', '8443']);

  expect(plain).toMatchObject({ listen: { port: 443 }, isPortChosen: true });
  expect(other).toMatchObject({ listen: { port: 9443 }, isPortChosen: true });
  expect(passedOn.listen.port).toBe(8443);
});

test('a list in the environment is separated by commas', () => {
  const configuration = read(['--data', '/d'], {
    CULVERT_ENDPOINT: '192.0.2.1:51820, [2001:db8::1]:51820',
  });

  expect(configuration.endpoints).toEqual(['192.0.2.1:51820', '[2001:db8::1]:51820']);
});

test('a guessed public address follows the port that could be had, a given one does not', () => {
  const guessed = listeningAt(read(['--data', '/d']), { host: '::', port: 8443 });
  const given = listeningAt(read(['--data', '/d', '--public-url', 'https://gate.example.com']), {
    host: '::',
    port: 8443,
  });

  expect(guessed.publicUrl).toMatch(/:8443$/);
  expect(given).toMatchObject({ publicUrl: 'https://gate.example.com', listen: { port: 8443 } });
});

test('the preset is whole or refused', () => {
  expect(() => read(['--data', '/d', '--organisation', 'Example'])).toThrow(/--owner is not right/);
});

test.for([
  ['an unknown key', 'data: /d\nlisten: { port: 1, colour: red }\n'],
  ['a key twice', 'data: /d\ndata: /e\n'],
  ['an alias, which can blow up', 'data: &a /d\ndashboard: *a\n'],
  ['no YAML', 'data: [\n'],
  ['a list in place of a map', '- data\n'],
  ['a port that is none', 'data: /d\nlisten: { port: many }\n'],
  ['a public address without TLS', 'data: /d\npublicUrl: http://gate.example.com\n'],
] as const)('a file with %s is refused in one line', ([, text]) => {
  const file = write(text);

  expect(() => read(['--config', file])).toThrow(
    expect.objectContaining({ code: 'configuration' }),
  );
  expect(() => read(['--config', file])).not.toThrow(/\n/);
});

function read(args: string[], environment: Record<string, string> = {}): Configuration {
  const outcome = readConfiguration(args, environment);
  if (outcome.kind !== 'run') throw new Error('not a run');
  return outcome.configuration;
}

function write(text: string): string {
  const file = join(path, 'gateway.yaml');
  writeFileSync(file, text);
  return file;
}
