/** What the engine is to reach. Ratios are to the others in the same run. */

export interface Target {
  what: string;
  experiment: string;
  figure: string;
  /** Which of our variants; `culvert` unless told. */
  ours?: string;
  unit: string;
  bound: Bound;
  /** What is hoped for beyond the bound, in its terms. It is shown, and counts neither as met nor as missed. */
  goal?: number;
  /** What tells where its time goes, in `profiles.ts`; nothing where time is not what it is about. */
  profiles: string[];
}

/** `figure`: a fixed bound; `best`: times the best of the others; `peer`: times that one; `own`: times another figure of ours. */
export type Bound = Limit &
  (
    | { than: 'figure' }
    | { than: 'best' }
    | { than: 'peer'; peer: string }
    | { than: 'own'; figure: string }
  );

export type Limit = { atLeast: number } | { atMost: number };

const gbit = 'Gbit/s';
const streams: [figure: string, words: string][] = [
  ['oneForth', '1 stream →'],
  ['oneBack', '1 stream ←'],
  ['fourForth', '4 streams →'],
  ['fourBack', '4 streams ←'],
];

export const targets: Target[] = [
  ...onEachStream('T1', 'T1', { than: 'best', atLeast: 1.5 }, ['T1']).map((target) => ({
    ...target,
    goal: 2.0,
  })),
  ...onEachStream('T1', 'T1', { than: 'peer', peer: 'wireguard-go', atLeast: 2.5 }, ['T1']),
  ...onEachStream('T2', 'T2 hub', { than: 'best', atLeast: 2.0 }, ['T2']),
  ...onEachStream('T3', 'T3, connector as root', { than: 'best', atLeast: 2.0 }, ['T3']),
  ...onEachStream(
    'T3',
    'T3, connector without root',
    { than: 'best', atLeast: 1.0 },
    ['T3-no-root'],
    'culvert, no root',
  ),
  ...onEachStream('T1-cut', 'T1-cut', { than: 'best', atLeast: 2.5 }, ['T1-cut']),
  ...onEachStream('T1-gro', 'T1-gro', { than: 'best', atLeast: 1.6 }, ['T1-gro']),
  one('UDP 1300 B without loss', 'UDP', 'mbit', 'Mbit/s', { than: 'best', atLeast: 2.0 }, [
    'UDP',
    'udp-search',
  ]),
  one(
    'UDP engine CPU a packet and end',
    'UDP',
    'microsPerPacket',
    'µs',
    {
      than: 'figure',
      atMost: 3,
    },
    ['UDP'],
  ),
  one('RTT idle p50, T1', 'T1', 'rttIdleMs', 'ms', { than: 'best', atMost: 1 }, ['rtt']),
  one('RTT idle p50, hub', 'T2', 'rttIdleMs', 'ms', { than: 'best', atMost: 1 }, ['rtt-hub']),
  one('RTT under TCP p50, T1', 'T1', 'rttLoadedMs', 'ms', { than: 'figure', atMost: 1 }, [
    'rtt-loaded',
  ]),
  one('RTT under TCP p99, T1', 'T1', 'rttLoadedP99Ms', 'ms', { than: 'figure', atMost: 3 }, [
    'rtt-loaded',
  ]),
  one('RTT under TCP p50, hub', 'T2', 'rttLoadedMs', 'ms', { than: 'figure', atMost: 1 }, [
    'rtt-hub-loaded',
  ]),
  one('RTT under TCP p99, hub', 'T2', 'rttLoadedP99Ms', 'ms', { than: 'figure', atMost: 3 }, [
    'rtt-hub-loaded',
  ]),
  one('CPU per GB, end (T1)', 'T1', 'cpuPerGbEnd', 's', { than: 'figure', atMost: 1.05 }, ['T1']),
  one('CPU per GB, hub (T2)', 'T2', 'cpuPerGbHub', 's', { than: 'figure', atMost: 1.35 }, ['T2']),
  one('memory with one peer after load', 'T1', 'rssMb', 'MB', { than: 'figure', atMost: 12 }),
  one('memory per idle peer', 'peers', 'bytesPerPeer', 'bytes', { than: 'figure', atMost: 2048 }),
  one('10,000 peers set', 'peers', 'setSeconds', 's', { than: 'figure', atMost: 0.3 }),
  // Printed with two digits: 0.00.
  one('CPU with 10,000 idle peers', 'peers', 'idleCpuPercent', '%', {
    than: 'figure',
    atMost: 0.005,
  }),
  one('handshakes a CPU second', 'handshakes', 'perCpuSecond', '/s', { than: 'best', atLeast: 1 }, [
    'handshakes',
  ]),
  one(
    'flood, wrong mac1: TCP lost',
    'flood',
    'lossMac1Percent',
    '%',
    {
      than: 'figure',
      atMost: 1,
    },
    ['flood-mac1-beside-tcp'],
  ),
  one(
    'flood of strangers: TCP lost',
    'flood',
    'lossStrangerPercent',
    '%',
    {
      than: 'figure',
      atMost: 1,
    },
    ['flood-stranger-beside-tcp'],
  ),
  one(
    'hub from 1 to 2 cores',
    'hub-cores',
    'twoCores',
    '/s',
    {
      than: 'own',
      figure: 'oneCore',
      atLeast: 1.8,
    },
    ['hub-cores'],
  ),
  one(
    'hub, 100 active peers',
    'hub-peers',
    'peers100',
    '/s',
    {
      than: 'own',
      figure: 'peers1',
      atLeast: 0.9,
    },
    ['hub-peers'],
  ),
  one(
    'hub, 10,000 active peers',
    'hub-peers',
    'peers10000',
    '/s',
    {
      than: 'own',
      figure: 'peers1',
      atLeast: 0.9,
    },
    ['hub-peers'],
  ),
  one(
    'hub, 1,000 ranges and rules',
    'hub-ranges',
    'ranges1000',
    '/s',
    {
      than: 'own',
      figure: 'ranges10',
      atLeast: 0.95,
    },
    ['hub-ranges'],
  ),
  one(
    'hub, 100,000 ranges and rules',
    'hub-ranges',
    'ranges100000',
    '/s',
    {
      than: 'own',
      figure: 'ranges10',
      atLeast: 0.95,
    },
    ['hub-ranges'],
  ),
  one(
    'AEAD × ring, sealing 1420 B',
    'aead',
    'sealOurs',
    '/s',
    {
      than: 'own',
      figure: 'sealRing',
      atLeast: 1.6,
    },
    ['aead'],
  ),
  one(
    'AEAD × ring, opening 1420 B',
    'aead',
    'openOurs',
    '/s',
    {
      than: 'own',
      figure: 'openRing',
      atLeast: 1.6,
    },
    ['aead'],
  ),
];

function one(
  what: string,
  experiment: string,
  figure: string,
  unit: string,
  bound: Bound,
  profiles: string[] = [],
): Target {
  return { what, experiment, figure, unit, bound, profiles };
}

function onEachStream(
  experiment: string,
  words: string,
  bound: Bound,
  profiles: string[],
  ours?: string,
): Target[] {
  return streams.map(([figure, direction]) => ({
    ...one(`${words}, ${direction}`, experiment, figure, gbit, bound, profiles),
    ...(ours === undefined ? {} : { ours }),
  }));
}
