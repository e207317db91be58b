/** What a web page could send, and what does not fit: a refusal that names what is wrong, and the next call works. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiScene } from './api-scene.ts';
import { CALLS, type CallName } from './calls.ts';

let scene: ApiScene;

beforeEach(async () => {
  scene = await ApiScene.open();
});
afterEach(async () => {
  await scene.close();
});

describe('what a web page could send', () => {
  test.each([
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { referer: 'https://evil.example/' },
    { 'sec-fetch-mode': 'cors' },
    { host: 'evil.example' },
    { host: '127.0.0.1' },
    { host: 'localhost.evil.example' },
  ])('%j is refused', async (headers) => {
    const answer = await scene.call('POST', '/v1/up', {}, headers);

    expect([answer.status, answer.json]).toEqual([
      403,
      { problem: { code: 'browser-refused', detail: {} } },
    ]);
    expect(scene.handlers.up).not.toHaveBeenCalled();
  });
});

describe('what does not fit', () => {
  test.each([
    ['no JSON', '{"link":', 'body'],
    ['a wrong type', '{"link":"x","redirectPort":"80"}', 'redirectPort'],
    ['a port that is none', '{"link":"x","redirectPort":70000}', 'redirectPort'],
    ['a missing field', '{"redirectPort":80}', 'link'],
    ['a prototype', '{"__proto__":{"link":"x"},"link":"x","redirectPort":80}', 'body'],
    ['a constructor', '{"constructor":{"prototype":{}},"link":"x","redirectPort":80}', 'body'],
    ['a list', '[]', 'body'],
    ['nothing', '', 'body'],
    ['ten thousand levels', `${'['.repeat(10_000)}${']'.repeat(10_000)}`, 'body'],
    ['a link that is too long', `{"link":"${'x'.repeat(2001)}","redirectPort":80}`, 'link'],
  ])('%s is told by its field', async (_name, text, field) => {
    const answer = await scene.call('POST', '/v1/login/start', text);

    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ problem: { code: 'bad-request', detail: { field } } });
    expect(scene.handlers.startLogin).not.toHaveBeenCalled();
  });

  test('more than 64 KiB is refused before it is read', async () => {
    const answer = await scene.call(
      'POST',
      '/v1/why',
      JSON.stringify({ destination: 'x'.repeat(70_000) }),
    );

    expect([answer.status, answer.json]).toEqual([
      413,
      { problem: { code: 'too-large', detail: { limit: 65_536 } } },
    ]);
  });

  test.each([
    ['GET', '/v2/status'],
    ['DELETE', '/v1/status'],
    ['GET', '/v1/up'],
    ['GET', '/v1/status/../repair'],
    ['GET', `/${'x'.repeat(3000)}`],
  ])('%s %s does not exist', async (method, url) => {
    expect(await scene.call(method, url)).toMatchObject({
      status: 404,
      json: { problem: { code: 'not-found' } },
    });
  });

  test('bytes that are no HTTP end that connection only', async () => {
    for (const bytes of [
      '\0\0\0',
      'GET',
      'GET / HTTP/9.9\r\n\r\n',
      `GET /v1/status HTTP/1.1\r\n${'a: b\r\n'.repeat(5000)}`,
    ]) {
      await scene.sendRaw(bytes);
    }

    expect((await scene.call('GET', '/v1/status')).status).toBe(200);
  });

  test('whatever JSON comes, the answer is a refusal or a result, never a 500, and the next call works', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...(Object.keys(CALLS) as CallName[])),
        fc.json(),
        async (name, text) => {
          const answer = await scene.call('POST', CALLS[name].path, text);

          expect([200, 400, 403, 404]).toContain(answer.status);
        },
      ),
      { numRuns: 300 },
    );
    expect((await scene.call('GET', '/v1/status')).status).toBe(200);
  });
});
