/** Everything that is measured, in the order in which a round goes through it. */
import { aeadExperiment } from './aead-run.ts';
import { type Contender, culvertWithoutRoot } from './contender.ts';
import type { Experiment } from './figures.ts';
import { floodExperiment } from './flood-run.ts';
import { handshakesExperiment } from './handshake-run.ts';
import { hubCoresExperiment, hubPeersExperiment, hubRangesExperiment } from './hub-runs.ts';
import { pathExperiment } from './path-run.ts';
import { peersExperiment } from './peers-run.ts';
import { udpExperiment } from './udp-run.ts';

/** Ours without root differs from ours only as a connector. */
const withTun = (contender: Contender) => contender !== culvertWithoutRoot;
const TAILSCALE = 'tailscale’s wireguard-go';

export const experiments: Experiment[] = [
  pathExperiment(
    'T1',
    'T1  point to point',
    [TAILSCALE, 'wireguard-go', 'gotatun', 'boringtun'],
    withTun,
  ),
  pathExperiment(
    'T1-cut',
    'T1-cut  as T1, but each packet crosses the cable alone and stays so',
    [TAILSCALE, 'gotatun'],
    withTun,
  ),
  pathExperiment(
    'T1-gro',
    'T1-gro  as T1-cut, and the receiving stack glues packets together',
    [TAILSCALE],
    withTun,
  ),
  pathExperiment(
    'T2',
    'T2  through the hub (Culvert: gateway switch, no TUN)',
    [TAILSCALE, 'boringtun'],
    withTun,
  ),
  pathExperiment(
    'T3',
    'T3  full path to a host behind the connector (root: TUN and masquerade; no root: user-space connector)',
    [TAILSCALE],
    () => true,
  ),
  udpExperiment,
  peersExperiment,
  handshakesExperiment,
  floodExperiment,
  hubPeersExperiment,
  hubRangesExperiment,
  hubCoresExperiment,
  aeadExperiment,
];
