/**
 * Where our time goes, each engine of a path in turn: what `npm run bench` does by itself for each target that is missed.
 *
 *   sudo node test/bench/profile.ts T1|T1-cut|T1-gro|T2|T3|T3-no-root|UDP
 *   sudo node test/bench/profile.ts flood-noise|flood-mac1|flood-stranger[-beside-tcp]
 *                                                              what the processor does, under load
 *   sudo node test/bench/profile.ts handshakes [boringtun]      the same while handshakes are answered
 *   sudo node test/bench/profile.ts hub-peers|hub-ranges|hub-cores
 *                                                              the same of the switch, with more and more devices that send, ranges, cores
 *   sudo node test/bench/profile.ts aead                        what sealing and opening consist of
 *   sudo node test/bench/profile.ts udp-search [gotatun]        wake-ups a packet, and where packets are lost, at each rate of the search
 *   sudo node test/bench/profile.ts rtt|rtt-hub [boringtun]     what a round trip consists of while nothing else is going on
 *   sudo node test/bench/profile.ts rtt-loaded|rtt-hub-loaded   what waits where while one TCP stream flows
 *
 * Needs `perf` (Debian: linux-perf) or, for round trips, `strace`, and the engine as `npm run bench` builds it.
 */
import { type Contender, culvert } from './contender.ts';
import { fetchPeers } from './peers.ts';
import { profileText } from './profile-table.ts';
import { missingOf, missingText } from './profile-tools.ts';
import { profiles } from './profiles.ts';

const [what = '', whose = culvert.name] = process.argv.slice(2);
const kind = profiles[what];
if (kind === undefined) {
  console.error(
    `There is no profile ${JSON.stringify(what)}. There are: ${Object.keys(profiles).join(', ')}.`,
  );
  process.exit(2);
}
const missing = await missingOf(kind.needs);
if (missing.length > 0) {
  console.error(missing.map(missingText).join('\n'));
  process.exit(1);
}
const contender = await engineOf(whose);
try {
  console.log(profileText(await kind.take(contender)));
} catch (cause) {
  console.error(`The profile has failed. ${(cause as Error).message}`);
  process.exit(1);
}

async function engineOf(name: string): Promise<Contender> {
  if (name === culvert.name) return culvert;
  const [found] = await fetchPeers((peer) => !peer.isOurs && peer.id === name, console.error);
  if (found !== undefined) return found;
  console.error(`There is no engine ${JSON.stringify(name)} here.`);
  process.exit(2);
}
