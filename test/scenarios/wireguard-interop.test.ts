/** Line 51 of the protocol's list, the part that takes seconds: `npm run interop` and `npm run kernel` are the rest. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { opponents } from '../interop/opponents.ts';
import { combinations, interopTopology, nameOf, Pairing } from '../interop/pairing.ts';
import { Lab } from '../lab/lab.ts';

const wireguardGo = opponents['wireguard-go'];
if (!wireguardGo) throw new Error('wireguard-go is not in the list');
const all = combinations(wireguardGo);

describe('line 51: with wireguard-go', () => {
  let lab: Lab;
  let pairings: Pairing[];

  beforeAll(async () => {
    lab = await Lab.build(interopTopology);
    pairings = all.map((combination, number) => new Pairing(lab, number, combination));
    for (const pairing of pairings) await pairing.start();
  });
  afterAll(async () => {
    await lab?.stop();
  });

  test('no ping is lost in any combination of who begins, outer family and preshared key', async () => {
    const lost = await Promise.all(pairings.map((pairing) => pairing.lostPings(60, 0.05)));

    expect(byName(lost)).toEqual(byName(all.map(() => [])));
  });

  test('none is lost after our side has a new key', async () => {
    await Promise.all(pairings.map((pairing) => pairing.changeKey()));

    const lost = await Promise.all(pairings.map((pairing) => pairing.lostPings(60, 0.05)));

    expect(byName(lost)).toEqual(byName(all.map(() => [])));
  });
});

function byName(lost: number[][]): Record<string, number[] | undefined> {
  return Object.fromEntries(all.map((combination, number) => [nameOf(combination), lost[number]]));
}
