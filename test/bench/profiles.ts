/** Every profile that can be taken, by the name that `targets.ts` and the command line use. */
import { type Contender, culvert, culvertWithoutRoot } from './contender.ts';
import type { BadHandshake } from './load.ts';
import type { Shape } from './paths.ts';
import { profileAead } from './profile-aead.ts';
import { profileHandshakes } from './profile-handshakes.ts';
import { profileHubCores, profileHubPeers, profileHubRanges } from './profile-hub.ts';
import { BESIDE_TCP, profilePath } from './profile-path.ts';
import { profileQueues } from './profile-queues.ts';
import { profileRoundTrips } from './profile-round-trips.ts';
import type { Profile } from './profile-table.ts';
import { perf, strace, type Tool } from './profile-tools.ts';
import { profileUdp } from './profile-udp.ts';
import { inLab } from './topology.ts';

export interface ProfileKind {
  needs: Tool[];
  /** Takes it of that engine, where it is not of ours alone. */
  take(contender: Contender): Promise<Profile>;
}

export const profiles: Record<string, ProfileKind> = {
  T1: ofPath('T1', 'T1'),
  'T1-cut': ofPath('T1-cut', 'T1-cut'),
  'T1-gro': ofPath('T1-gro', 'T1-gro'),
  T2: ofPath('T2', 'T2'),
  T3: ofPath('T3', 'T3'),
  'T3-no-root': ofPath('T3-no-root', 'T3', culvertWithoutRoot),
  UDP: ofPath('UDP', 'T1'),
  ...ofFloods(['noise', 'mac1', 'stranger']),
  handshakes: { needs: [perf], take: profileHandshakes },
  'hub-peers': { needs: [perf], take: profileHubPeers },
  'hub-ranges': { needs: [perf], take: profileHubRanges },
  'hub-cores': { needs: [perf], take: profileHubCores },
  aead: { needs: [perf], take: profileAead },
  'udp-search': { needs: [perf], take: (contender) => inLab((lab) => profileUdp(lab, contender)) },
  rtt: ofRoundTrips('T1'),
  'rtt-hub': ofRoundTrips('T2'),
  'rtt-loaded': ofQueues('T1'),
  'rtt-hub-loaded': ofQueues('T2'),
};

function ofPath(what: string, shape: Shape, ours: Contender = culvert): ProfileKind {
  return { needs: [perf], take: () => inLab((lab) => profilePath(lab, what, shape, ours)) };
}

function ofFloods(kinds: BadHandshake[]): Record<string, ProfileKind> {
  const names = kinds.flatMap((kind) => [`flood-${kind}`, `flood-${kind}${BESIDE_TCP}`]);
  return Object.fromEntries(names.map((name) => [name, ofPath(name, 'T1')]));
}

function ofRoundTrips(shape: Shape): ProfileKind {
  const take = (contender: Contender) => inLab((lab) => profileRoundTrips(lab, shape, contender));
  return { needs: [strace], take };
}

/** The kernel's own counts are all that it takes. */
function ofQueues(shape: Shape): ProfileKind {
  return {
    needs: [],
    take: (contender) => inLab((lab) => profileQueues(lab, shape, contender)),
  };
}
