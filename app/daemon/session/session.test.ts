/** What the stream brings is believed only when everything about it holds, and kept over the end of everything. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeOrganisation, signSnapshot } from '../../../gateway/trust/test-organisation.ts';
import { config, organisation, SessionScene, send, until } from './session-scene.ts';

let scene: SessionScene;

beforeEach(async () => {
  scene = await SessionScene.open();
});
afterEach(async () => {
  await scene.close();
});

describe('a snapshot', () => {
  test('that holds is stored as it came, handed on, and acknowledged when somebody says so', async () => {
    const stream = await scene.connected();
    const jws = await signSnapshot(organisation, config({ revision: 7 }));

    send(stream, { type: 'snapshot', snapshot: jws });
    await until(() => scene.listener.onConfig.mock.calls.length === 1);
    scene.session.acknowledge(7, null);

    await until(() => stream.replies.length === 1);
    expect(scene.store.snapshot).toBe(jws);
    expect(stream.replies).toEqual([{ type: 'applied', revision: 7 }]);
  });

  test.each<[string, () => Promise<string>]>([
    [
      'of another device',
      () => signSnapshot(organisation, config({ receiver: 'somebody', revision: 9 })),
    ],
    ['of an earlier revision', () => signSnapshot(organisation, config({ revision: 7 }))],
    ['that has expired', () => signSnapshot(organisation, config({ revision: 9, expiresAt: 1 }))],
    ['by another organisation', () => signSnapshot(makeOrganisation(), config({ revision: 9 }))],
    [
      'with a flipped bit',
      async () => flipped(await signSnapshot(organisation, config({ revision: 9 }))),
    ],
    [
      'without a signature',
      async () => (await signSnapshot(organisation, config({ revision: 9 }))).replace(/[^.]*$/, ''),
    ],
    [
      'of another shape',
      () => signSnapshot(organisation, { ...config({ revision: 9 }), mtu: 'large' }),
    ],
    [
      'for a connector',
      () => signSnapshot(organisation, { ...config({ revision: 9 }), kind: 'connector' }),
    ],
    ['that is no JWS', async () => 'good morning'],
    ['that is empty', async () => ''],
  ])('%s is refused, and the last good one stays', async (_what, make) => {
    const stream = await scene.connected();
    const good = await signSnapshot(organisation, config({ revision: 8 }));
    send(stream, { type: 'snapshot', snapshot: good });
    await until(() => scene.listener.onConfig.mock.calls.length === 1);

    send(stream, { type: 'snapshot', snapshot: await make() });
    await until(() => scene.session.facts.problem !== null);

    expect(scene.session.facts.problem).toMatchObject({ code: 'snapshot-refused' });
    expect(scene.listener.onConfig).toHaveBeenCalledTimes(1);
    expect([scene.store.snapshot, scene.session.facts.config?.revision]).toEqual([good, 8]);
  });

  test('larger than 8 MiB ends the connection, not the session', async () => {
    const stream = await scene.connected();

    send(stream, { type: 'snapshot', snapshot: 'x'.repeat(8 * 1024 * 1024 + 5000) });
    await until(() => scene.session.facts.stream === 'connecting');

    expect([
      scene.listener.onConfig.mock.calls.length,
      scene.session.facts.membership?.ended,
    ]).toEqual([0, null]);
  });

  test('of the last run is believed without a gateway, whatever its age', async () => {
    await scene.stopGateway();
    scene.store.snapshot = await signSnapshot(organisation, config({ revision: 5, expiresAt: 1 }));

    await scene.session.begin();

    expect(scene.session.facts.config?.revision).toBe(5);
  });

  test('of the last run that was changed on disk is not', async () => {
    scene.store.snapshot = flipped(await signSnapshot(organisation, config({ revision: 5 })));

    await scene.session.begin();

    expect([scene.session.facts.config, scene.session.facts.problem?.code]).toEqual([
      null,
      'snapshot-refused',
    ]);
  });
});

test('a session ends at its time without anybody saying so', async () => {
  scene.store.snapshot = await signSnapshot(
    organisation,
    config({ revision: 5, session: { expiresAt: Date.now() + 3_000 } }),
  );

  await scene.session.begin();

  await until(() => scene.listener.onEnded.mock.calls.length === 1);
  expect(scene.store.membership?.ended).toMatchObject({ code: 'session-expired' });
});

/** The middle of the payload, where each bit counts. */
function flipped(jws: string): string {
  const at = Math.floor(jws.length / 3);
  return jws.slice(0, at) + (jws[at] === 'A' ? 'B' : 'A') + jws.slice(at + 1);
}
