/** Handshakes answered by an engine that has one core. */
import type { Service } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import { type Contender, culvertWithoutRoot, pinned } from './contender.ts';
import { configure, startBare } from './engines.ts';
import type { Experiment, Figures, Pace } from './figures.ts';
import { keyPair } from './keys.ts';
import { FIRST_MEMBER_PORT, handshakeStorm, memberKeys, type Storm } from './load.ts';
import { inLab, LEFT, RIGHT } from './topology.ts';
import { cpuDuring } from './usage.ts';

const MEMBERS = 1_000;

export const handshakesExperiment: Experiment = {
  id: 'handshakes',
  title: 'handshakes  answered by an engine that has one core, 16 in flight, 1,000 peers',
  columns: [
    { key: 'perSecond', title: 'a second', digits: 0, better: 'more' },
    { key: 'perCpuSecond', title: 'a CPU second', digits: 0, better: 'more' },
    { key: 'lostPercent', title: 'lost %', digits: 1, better: 'less' },
  ],
  quickPeers: ['boringtun'],
  // The kernel answers on whichever core it likes.
  takesPart: (contender) => contender !== culvertWithoutRoot && !contender.isKernel,
  run: (contender, pace) => inLab((lab) => run(lab, contender, pace)),
};

async function run(lab: Lab, contender: Contender, pace: Pace): Promise<Figures> {
  const { services, ask } = await startAnswering(lab, contender);
  const { result: storm, cpuSeconds } = await cpuDuring(services, () => ask(pace.handshakesEach));
  if (storm.verified < MEMBERS * ENOUGH_VERIFIED)
    throw new Error(`of ${MEMBERS} last handshakes only ${storm.verified} were good to the end`);
  const asked = MEMBERS * pace.handshakesEach;
  return {
    perSecond: storm.answered / storm.seconds,
    perCpuSecond: (storm.answered + storm.greetings) / cpuSeconds,
    lostPercent: (1 - storm.answered / asked) * 100,
  };
}

/** An engine that limits or loses some still answers; one whose answers are no good does not count. */
const ENOUGH_VERIFIED = 0.5;

/** It has core 1; `ask` wants so many handshakes for each peer, from core 0. */
export async function startAnswering(
  lab: Lab,
  contender: Contender,
): Promise<{ services: Service[]; ask: (each: number) => Promise<Storm> }> {
  const peers = (await memberKeys(MEMBERS)).map((publicKey, number) => ({
    publicKey,
    allowedIps: [`10.0.${number >> 8}.${number & 255}/32`],
    // Some send their answer only there.
    endpoint: `${LEFT.outer}:${FIRST_MEMBER_PORT + number}`,
  }));
  const host = lab.host('right');
  const services = await startBare(host, pinned(contender, '1'));
  const { privateKey, publicKey } = keyPair();
  await configure(host, privateKey, peers);
  await host.run(['ip', 'link', 'set', 'wg0', 'up']);
  const to = { address: `${RIGHT.outer}:51820`, publicKey };
  const ask = (each: number) =>
    handshakeStorm(lab.host('left'), to, { members: MEMBERS, each, cores: '0' });
  return { services, ask };
}
