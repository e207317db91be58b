/** What `npm run soak` does for an hour, once: every role stands, is watched and heard, and survives what is done to it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { eventually } from '../lab/eventually.ts';
import { Lab } from '../lab/lab.ts';
import { Scene } from '../soak/scene.ts';
import { Talker } from '../soak/talker.ts';
import { type DeviceName, ECHO_PORT, PAIRS, soakTopology, TARGET } from '../soak/topology.ts';

const EVERY_MS = 20;
/** Who got a new key while it was nobody's peer may try again only after five seconds, a few times. */
const BACK_WITHIN_MS = 28_000;

test('a roam and a new key cost what they must, and nothing else is lost, doubled or changed', async () => {
  await using lab = await Lab.build(soakTopology);
  const scene = new Scene(lab);
  await scene.start();
  const device = (name: DeviceName) =>
    new Talker(lab.host(name), name, TARGET, ECHO_PORT, EVERY_MS);
  const [roamer, guest] = [device('roamer'), device('guest')];
  const pairs = PAIRS.map(
    ({ interfaceName, right }) =>
      new Talker(lab.host('left'), interfaceName, right, ECHO_PORT, EVERY_MS),
  );
  const talkers = [device('steady'), roamer, guest, ...pairs];
  // The first datagrams wait for the first handshakes.
  await Promise.all(talkers.map((talker) => talker.disturb(() => sleep(3_000), 0)));
  await untilHeardMore(talkers);

  await roamer.disturb(() => scene.roam(), 1_500);
  await guest.disturb(async () => {
    await scene.configureHub(false);
    await scene.giveGuestNewKey();
    await scene.configureHub(true);
  }, BACK_WITHIN_MS);
  await untilHeardMore(talkers);

  for (const watched of scene.watched) await watched.take();
  for (const { name, last } of scene.watched) expect(last.rssKb, name).toBeGreaterThan(1_000);
  for (const begun of await scene.initiations()) expect(begun).toBeGreaterThan(0);
  const accounts = await Promise.all(talkers.map((talker) => talker.finish()));
  for (const [at, { unexplained, doubled, changed }] of accounts.entries()) {
    const wrong = { unexplained, doubled, changed };
    expect(wrong, talkers[at]?.name).toEqual({ unexplained: [], doubled: 0, changed: 0 });
  }
});

async function untilHeardMore(talkers: Talker[]): Promise<void> {
  const before = new Map(talkers.map((talker) => [talker, talker.account().received]));
  await eventually(async () => {
    for (const [talker, received] of before)
      expect(talker.account().received, talker.name).toBeGreaterThan(received + 50);
  }, BACK_WITHIN_MS);
}
