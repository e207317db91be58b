/**
 * Where our time goes, each engine of a path in turn.
 *
 *   sudo node test/bench/profile.ts T1|T1-cut|T1-gro|T2|T3|T3-no-root|UDP
 *   sudo node test/bench/profile.ts flood-noise|flood-mac1|flood-stranger[-beside-tcp]
 *                                                              what the processor does, under load
 *   sudo node test/bench/profile.ts hub-peers                   the same of the switch, with 1, 100 and 10,000 devices that send
 *   sudo node test/bench/profile.ts udp-search [gotatun]        wake-ups a packet, and where packets are lost, at each rate of the search
 *   sudo node test/bench/profile.ts rtt|rtt-hub [boringtun]     what a round trip consists of while nothing else is going on
 *   sudo node test/bench/profile.ts rtt-loaded|rtt-hub-loaded   what waits where while one TCP stream flows
 *
 * Needs `perf` (Debian: linux-perf) or, for round trips, `strace`, and the engine as `npm run bench` builds it.
 */
import { type Contender, culvert, culvertWithoutRoot } from './contender.ts';
import type { BadHandshake } from './load.ts';
import type { Shape } from './paths.ts';
import { fetchPeers } from './peers.ts';
import { profileHub } from './profile-hub.ts';
import { BESIDE_TCP, profilePath } from './profile-path.ts';
import { profileQueues } from './profile-queues.ts';
import { profileRoundTrips } from './profile-round-trips.ts';
import { profileUdp } from './profile-udp.ts';
import { inLab } from './topology.ts';

const ofPath =
  (what: string, shape: Shape, ours: Contender = culvert) =>
  () =>
    inLab((lab) => profilePath(lab, what, shape, ours));
const profiles: Record<string, (contender: Contender) => Promise<void>> = {
  T1: ofPath('T1', 'T1'),
  'T1-cut': ofPath('T1-cut', 'T1-cut'),
  'T1-gro': ofPath('T1-gro', 'T1-gro'),
  T2: ofPath('T2', 'T2'),
  T3: ofPath('T3', 'T3'),
  'T3-no-root': ofPath('T3-no-root', 'T3', culvertWithoutRoot),
  UDP: ofPath('UDP', 'T1'),
  ...ofFloods(['noise', 'mac1', 'stranger']),
  'hub-peers': profileHub,
  'udp-search': (contender) => inLab((lab) => profileUdp(lab, contender)),
  rtt: (contender) => inLab((lab) => profileRoundTrips(lab, 'T1', contender)),
  'rtt-hub': (contender) => inLab((lab) => profileRoundTrips(lab, 'T2', contender)),
  'rtt-loaded': (contender) => inLab((lab) => profileQueues(lab, 'T1', contender)),
  'rtt-hub-loaded': (contender) => inLab((lab) => profileQueues(lab, 'T2', contender)),
};

const [what = '', whose = culvert.name] = process.argv.slice(2);
const profile = profiles[what];
if (profile === undefined) {
  console.error(
    `There is no profile ${JSON.stringify(what)}. There are: ${Object.keys(profiles).join(', ')}.`,
  );
  process.exit(2);
}
await profile(await engineOf(whose));

function ofFloods(kinds: BadHandshake[]) {
  const names = kinds.flatMap((kind) => [`flood-${kind}`, `flood-${kind}${BESIDE_TCP}`]);
  return Object.fromEntries(names.map((name) => [name, ofPath(name, 'T1')]));
}

async function engineOf(name: string): Promise<Contender> {
  if (name === culvert.name) return culvert;
  const [found] = await fetchPeers((peer) => !peer.isOurs && peer.id === name, console.error);
  if (found !== undefined) return found;
  console.error(`There is no engine ${JSON.stringify(name)} here.`);
  process.exit(2);
}
