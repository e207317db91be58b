import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDataDirectory } from '../store/data-directory.ts';
import { readConfiguration } from './configuration.ts';
import { prepareTls } from './tls.ts';

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'culvert-tls-'));
});
afterEach(() => rmSync(path, { recursive: true }));

test('the gateway’s own certificate is one that TLS accepts for its names', async () => {
  const tls = prepare('https://gate.example.com', Date.now());
  const server = createServer({ key: tls.key, cert: tls.certificate }, (_request, response) =>
    response.end('hello'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  for (const servername of ['gate.example.com', 'localhost']) {
    const status = await new Promise((resolve, reject) => {
      get({ port, host: '127.0.0.1', servername, ca: tls.certificate, agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      }).on('error', reject);
    });
    expect(status).toBe(200);
  }
  server.close();
});

test('it names the addresses too, version 6 included', () => {
  const certificate = new X509Certificate(
    prepare('https://[2001:db8::7]:8443', Date.now()).certificate,
  );

  expect(certificate.checkIP('2001:db8::7')).toBe('2001:db8::7');
  expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(certificate.checkHost('evil.example')).toBeUndefined();
  expect(certificate.ca).toBe(false);
});

test('a restart keeps the certificate; a new name or an old age renews it with the same key', () => {
  const now = Date.now();
  const first = prepare('https://gate.example.com', now);

  const restarted = prepare('https://gate.example.com', now + 1000);
  const renamed = prepare('https://other.example.com', now);
  const aged = prepare('https://other.example.com', now + 800 * 86_400_000);

  expect(restarted.certificate).toBe(first.certificate);
  expect(renamed.certificate).not.toBe(first.certificate);
  expect(aged.certificate).not.toBe(renamed.certificate);
  expect([renamed.pin, aged.pin]).toEqual([first.pin, first.pin]);
});

function prepare(publicUrl: string, now: number) {
  const read = readConfiguration(['--data', path, '--public-url', publicUrl], {});
  if (read.kind !== 'run') throw new Error('not a run');
  return prepareTls(read.configuration, openDataDirectory(path), now);
}
