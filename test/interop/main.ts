/**
 * Our engine and others, each beginning, over either family, with a preshared key and without; ends with a table.
 *
 *   npm run interop                                   ten minutes, so that sessions are renewed four times; all programs
 *   npm run interop -- --minutes 1 --with gotatun
 *   npm run kernel                                    the kernel's WireGuard, in a VM
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readCommandOptions, readPositive, refuse } from '../command-options.ts';
import { Lab } from '../lab/lab.ts';
import { type Opponent, opponents } from './opponents.ts';
import { type Combination, combinations, interopTopology, nameOf, Pairing } from './pairing.ts';

/** One may be lost when a session is renewed. */
const LOST_AT_MOST_PER_RENEWAL = 1;
const RENEWAL_SECONDS = 120;
/** Often enough to see each session. */
const LOOK_MS = 15_000;
/** Who is to renew a session does it with the first packet after that time; a try that is lost costs five seconds. */
const RENEWED_AFTER_SECONDS = RENEWAL_SECONDS + 20;

const USAGE = 'npm run interop -- [--minutes N] [--interval SECONDS] [--with PROGRAM,…]';
const values = readCommandOptions(
  {
    minutes: { type: 'string', default: '10' },
    with: { type: 'string', default: 'wireguard-go,gotatun,boringtun' },
    interval: { type: 'string', default: '0.1' },
  },
  USAGE,
);
const minutes = readPositive('--minutes', values.minutes, USAGE);
const interval = readPositive('--interval', values.interval, USAGE);
const chosen = values.with.split(',').map(opponentNamed);
for (const opponent of chosen) opponent.prepare?.();
process.exit((await run(chosen.flatMap(combinations))) ? 0 : 1);

async function run(all: Combination[]): Promise<boolean> {
  await using lab = await Lab.build(interopTopology);
  const pairings = all.map((combination, number) => new Pairing(lab, number, combination));
  for (const pairing of pairings) await pairing.start();
  const count = Math.round((minutes * 60) / interval);
  console.log(
    `${all.length} pairs, ${count} pings each, ${minutes} minutes, and again with a new key`,
  );
  const pings = Promise.all(pairings.map((pairing) => pairing.lostPings(count, interval)));
  const [during, renewals] = await Promise.all([pings, renewalsUntil(pings, pairings)]);
  await Promise.all(pairings.map((pairing) => pairing.changeKey()));
  const after = await Promise.all(pairings.map((pairing) => pairing.lostPings(20, interval)));
  const due = Math.floor((minutes * 60) / RENEWED_AFTER_SECONDS);
  const mayBeLost = Math.floor((minutes * 60) / RENEWAL_SECONDS) * LOST_AT_MOST_PER_RENEWAL;
  const verdicts = all.map((combination, number) => {
    const [lost = [], lostAfter = [], renewed = 0] = [
      during[number],
      after[number],
      renewals[number],
    ];
    const isFine = lost.length <= mayBeLost && renewed >= due && lostAfter.length === 0;
    const counts = `${told(lost)} of ${count} lost, ${renewed} renewals (${due} or more are due), ${told(lostAfter)} of 20 after a new key`;
    console.log(`${isFine ? 'ok    ' : 'FAILED'} ${nameOf(combination)}: ${counts}`);
    return isFine;
  });
  return verdicts.every(Boolean);
}

/** How many, and which: one at the beginning says something else than one in the middle. */
function told(lost: number[]): string {
  const some = lost.slice(0, 5).join(', ');
  return lost.length === 0 ? '0' : `${lost.length} (${some}${lost.length > 5 ? ', …' : ''})`;
}

/** How often each pair had a new session until then, by our side's account. */
async function renewalsUntil(end: Promise<unknown>, pairings: Pairing[]): Promise<number[]> {
  const seen = pairings.map(() => new Set<string>());
  let isOver = false;
  const over = end.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    for (const [number, pairing] of pairings.entries())
      seen[number]?.add(await pairing.lastHandshake());
    await Promise.race([over, sleep(LOOK_MS)]);
  }
  return seen.map((moments) => [...moments].filter((moment) => moment !== '0').length - 1);
}

function opponentNamed(name: string): Opponent {
  const known = Object.keys(opponents).join(', ');
  return opponents[name] ?? refuse(`There is no ${name} for --with. There are: ${known}.`, USAGE);
}
