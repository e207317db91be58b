import fc from 'fast-check';
import { expect, test } from 'vitest';
import { highestRate } from './highest-rate.ts';

/** A tunnel that carries so much and loses what is beyond, sent by a program that has a limit too. */
function tunnel(carries: number, sender = Number.POSITIVE_INFINITY) {
  return (mbit: number) => {
    const sentMbit = Math.min(mbit, sender);
    const deliveredMbit = Math.min(sentMbit, carries);
    const lost = 1 - deliveredMbit / sentMbit;
    return Promise.resolve({ sentMbit, deliveredMbit, lost, packets: 1000 });
  };
}

test('it comes near what the tunnel carries, and never above', async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 20, max: 50_000, noNaN: true }), async (carries) => {
      const { mbit } = await highestRate(tunnel(carries), { from: 400, steps: 5 });
      expect(mbit).toBeLessThanOrEqual(carries * 1.002);
      expect(mbit).toBeGreaterThan(carries * 0.9);
    }),
  );
});

test('a sender that can do no more ends the search', async () => {
  const { mbit } = await highestRate(tunnel(10_000, 1_000), { from: 400, steps: 5 });
  expect(mbit).toBe(1_000);
});

test('a tunnel that loses at every rate has none', async () => {
  const lossy = () => Promise.resolve({ sentMbit: 10, deliveredMbit: 9, lost: 0.1, packets: 1000 });
  const highest = await highestRate(lossy, { from: 400, steps: 3 });
  expect(highest).toEqual({ mbit: 0, sample: undefined });
});

test('one bad moment is tried again', async () => {
  let calls = 0;
  const even = tunnel(1_000);
  const { mbit } = await highestRate(
    async (rate) => ({ ...(await even(rate)), ...(calls++ === 0 ? { lost: 0.5 } : {}) }),
    { from: 800, steps: 4 },
  );
  expect(mbit).toBeGreaterThan(900);
});
