/** The stream itself: how it proves who calls, what it does not mind, how it comes back, and what ends it for good. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { signSnapshot } from '../../../gateway/trust/test-organisation.ts';
import { backoff } from './backoff.ts';
import { certificate, config, organisation, SessionScene, send, until } from './session-scene.ts';

let scene: SessionScene;

beforeEach(async () => {
  scene = await SessionScene.open();
});
afterEach(async () => {
  await scene.close();
});

describe('the stream', () => {
  test('shows a proof for exactly this call', async () => {
    const { request } = await scene.connected();
    const [, payload = ''] = String(request.headers['culvert-proof']).split('.');

    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      htm: 'GET',
      htu: '/v1/device/stream',
      bod: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
    });
  });

  test('does not mind what it does not understand', async () => {
    const stream = await scene.connected();

    for (const text of [
      '',
      '{',
      '[]',
      'null',
      '{"type":"moon"}',
      '{"type":"snapshot"}',
      '{"__proto__":{"type":"ended"}}',
    ]) {
      stream.socket.send(text);
    }
    send(stream, {
      type: 'snapshot',
      snapshot: await signSnapshot(organisation, config({ revision: 7 })),
    });

    await until(() => scene.listener.onConfig.mock.calls.length === 1);
    expect(scene.listener.onEnded).not.toHaveBeenCalled();
  });

  test('comes back by itself', async () => {
    const stream = await scene.connected();

    stream.socket.terminate();

    await until(() => scene.connections.length === 2, 15_000);
    await until(() => scene.session.facts.stream === 'connected');
  });

  test('that stays away is told after some seconds, and no longer once it is back', async () => {
    const stream = await scene.connected();
    scene.refuseWith = { status: 503, body: JSON.stringify({ code: 'busy', message: 'Later.' }) };
    stream.socket.terminate();
    await until(() => scene.session.facts.stream === 'connecting');
    expect(scene.session.facts.absence).toBeNull();

    await until(() => scene.session.facts.absence !== null, 15_000);
    expect(scene.session.facts.absence).toMatchObject({ code: 'stream-lost' });
    scene.refuseWith = null;
    scene.session.networkChanged();

    await until(() => scene.session.facts.absence === null, 15_000);
    expect(scene.session.facts.stream).toBe('connected');
  }, 20_000);

  test('talks to nobody who holds another TLS key, until the organisation names it', async () => {
    scene.store.membership = { ...scene.membership(), tlsKeys: ['another'] };

    await scene.session.begin();

    // The statement at the same address is signed by the organisation and names the real one.
    await until(() => scene.connections.length === 1, 15_000);
    expect(scene.store.membership?.tlsKeys).toEqual([certificate.pin]);
  });

  test.each([
    ['removed', 'device-removed', true],
    ['replaced', 'device-replaced', false],
    ['session-expired', 'session-expired', false],
  ])('that says “%s” ends the session, for the next start too', async (reason, code, isRemoval) => {
    const stream = await scene.connected();

    send(stream, { type: 'ended', reason });
    await until(() => scene.listener.onEnded.mock.calls.length === 1);

    expect(scene.listener.onEnded).toHaveBeenCalledWith(
      expect.objectContaining({ code }),
      isRemoval,
    );
    expect(scene.store.membership?.ended?.code).toBe(code);
  });

  test('a gateway that does not know the device says so instead of a stream', async () => {
    scene.refuseWith = {
      status: 401,
      body: JSON.stringify({ code: 'unknown-device', message: 'Gone.' }),
    };

    await scene.session.begin();

    await until(() => scene.listener.onEnded.mock.calls.length === 1);
    expect(scene.listener.onEnded.mock.calls[0]?.[1]).toBe(true);
  });
});

test('waiting before a new try is spread over the whole time, up to 30 s', () => {
  expect([0, 1, 4, 5, 50].map((attempt) => backoff(attempt, () => 1))).toEqual([
    1000, 2000, 16_000, 30_000, 30_000,
  ]);
  expect(backoff(50, () => 0)).toBe(0);
});
