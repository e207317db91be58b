import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDataDirectory } from '../store/data-directory.ts';
import { createApp } from './app.ts';
import { readConfiguration } from './configuration.ts';
import { registerDashboard } from './dashboard.ts';
import { makeLog } from './log.ts';
import { prepareTls } from './tls.ts';

let path: string;
let app: FastifyInstance;
beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'culvert-dashboard-'));
  const read = readConfiguration(
    ['--data', join(path, 'data'), '--public-url', 'https://localhost'],
    {},
  );
  if (read.kind !== 'run') throw new Error('not a run');
  const tls = prepareTls(read.configuration, openDataDirectory(join(path, 'data')), Date.now());
  app = await createApp({ tls, log: makeLog('silent'), requireAdmin: async () => {} });
});
afterEach(async () => {
  await app.close();
  rmSync(path, { recursive: true });
});

test('every address that only the dashboard knows gets its start page, under a strict policy', async () => {
  await registerDashboard(app, builtDashboard());

  for (const url of ['/', '/networks/net_1', '/profiles?tab=1']) {
    const answer = await app.inject({ url, headers: { accept: 'text/html' } });
    expect([url, answer.statusCode, answer.body]).toEqual([url, 200, '<!doctype html>start']);
    expect(answer.headers['content-security-policy']).toContain("script-src 'self';");
    expect(answer.headers['cache-control']).toBe('no-cache');
  }
});

test('assets are kept for good, and a missing one is missing', async () => {
  await registerDashboard(app, builtDashboard());

  const asset = await app.inject({ url: '/assets/index-abc.js' });
  const missing = await app.inject({ url: '/assets/index-old.js' });
  const api = await app.inject({ url: '/v1/nothing', headers: { accept: 'text/html' } });
  const outside = await app.inject({ url: '/..%2fdata%2fstore.key' });

  expect([asset.statusCode, asset.headers['cache-control']]).toEqual([
    200,
    'public, max-age=31536000, immutable',
  ]);
  expect([missing.statusCode, api.statusCode, outside.statusCode]).toEqual([404, 404, 404]);
  expect(api.json()).toEqual({ code: 'not-found', message: 'There is nothing at this address.' });
});

test('without a built dashboard the start page says how to get one', async () => {
  await registerDashboard(app, join(path, 'nothing'));

  const answer = await app.inject({ url: '/', headers: { accept: 'text/html' } });

  expect(answer.body).toContain('npm run setup');
});

test('a route below /v1/admin that the table does not know stops the start', () => {
  expect(() => app.get('/v1/admin/secrets', () => 'all of them')).toThrow(/admin-access/);
});

function builtDashboard(): string {
  const directory = join(path, 'dist');
  mkdirSync(join(directory, 'assets'), { recursive: true });
  writeFileSync(join(directory, 'index.html'), '<!doctype html>start');
  writeFileSync(join(directory, 'assets/index-abc.js'), 'start()');
  return directory;
}
