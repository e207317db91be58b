/** The highest rate that comes through: doubled until it does not, then halved in between. */
import type { UdpSample } from './measure.ts';

export const LOSS_ALLOWED = 0.001;
/** Below this the sender is what is slow. */
const KEEPS_UP = 0.9;
const LOWEST_MBIT = 5;

export interface Highest<Sample extends UdpSample> {
  mbit: number;
  /** The sample that showed it; undefined when no rate came through. */
  sample: Sample | undefined;
}

/** `steps`: halvings of the (logarithmic) gap between what came through and what did not. */
export async function highestRate<Sample extends UdpSample>(
  probe: (mbit: number) => Promise<Sample>,
  { from, steps }: { from: number; steps: number },
): Promise<Highest<Sample>> {
  let best: Highest<Sample> = { mbit: 0, sample: undefined };
  let rate = from;
  let tooMuch = Number.POSITIVE_INFINITY;
  for (let left = steps; left > 0 && rate >= LOWEST_MBIT; ) {
    const sample = await passes(probe, rate);
    if (sample) best = { mbit: sample.deliveredMbit, sample };
    else tooMuch = rate;
    if (sample && sample.sentMbit < rate * KEEPS_UP) break;
    // Halvings on the way down to the first that comes through are not those of the gap.
    if (best.mbit > 0 && Number.isFinite(tooMuch)) left--;
    rate = next(best.mbit, tooMuch, rate);
  }
  return best;
}

function next(passed: number, tooMuch: number, last: number): number {
  if (passed === 0) return last / 2;
  return Number.isFinite(tooMuch) ? Math.sqrt(passed * tooMuch) : passed * 2;
}

/** One more try before it counts as too much: something else on the machine may have had its moment. */
async function passes<Sample extends UdpSample>(
  probe: (mbit: number) => Promise<Sample>,
  mbit: number,
): Promise<Sample | undefined> {
  for (let tries = 0; tries < 2; tries++) {
    const sample = await probe(mbit);
    if (sample.lost <= LOSS_ALLOWED) return sample;
  }
  return undefined;
}
