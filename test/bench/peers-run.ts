/** What 10,000 configured peers cost that never say anything. */
import type { Lab } from '../lab/lab.ts';
import { type Contender, culvertWithoutRoot } from './contender.ts';
import { CONFIGURATION, startBare, writeConfiguration } from './engines.ts';
import type { Experiment, Figures, Pace } from './figures.ts';
import { keyPair } from './keys.ts';
import { memberKeys } from './load.ts';
import { pause } from './measure.ts';
import { inLab } from './topology.ts';
import { cpuDuring, usage } from './usage.ts';

const PEERS = 10_000;
/** What the configuration itself sets going (collecting garbage, giving memory back) is over then. */
const SETTLED_AFTER_SECONDS = 1;

export const peersExperiment: Experiment = {
  id: 'peers',
  title: 'peers  10,000 idle peers, set with `wg setconf`',
  columns: [
    { key: 'setSeconds', title: 'set s', digits: 2, better: 'less' },
    { key: 'totalMb', title: 'RSS MB', digits: 0, better: 'less' },
    { key: 'bytesPerPeer', title: 'bytes a peer', digits: 0, better: 'less' },
    { key: 'idleCpuPercent', title: 'idle CPU %', digits: 2, better: 'less' },
  ],
  quickPeers: ['wireguard-go (Debian)'],
  takesPart: (contender) => contender !== culvertWithoutRoot,
  run: (contender, pace) => inLab((lab) => run(lab, contender, pace)),
};

async function run(lab: Lab, contender: Contender, pace: Pace): Promise<Figures> {
  const keys = await memberKeys(PEERS);
  const host = lab.host('left');
  const services = await startBare(host, contender);
  await host.run(['ip', 'link', 'set', 'wg0', 'mtu', '1420', 'up']);
  await writeConfiguration(host, keyPair().privateKey, keys.map(idlePeer));
  const before = await usage(services);
  const start = performance.now();
  await host.run(['wg', 'setconf', 'wg0', CONFIGURATION]);
  const setSeconds = (performance.now() - start) / 1000;
  if (services.length === 0) return { setSeconds };

  await pause(SETTLED_AFTER_SECONDS);
  const after = await usage(services);
  const idle = await cpuDuring(services, () => pause(pace.idleSeconds));
  return {
    setSeconds,
    totalMb: after.rssMb,
    bytesPerPeer: ((after.rssMb - before.rssMb) * 1e6) / PEERS,
    idleCpuPercent: (idle.cpuSeconds / pace.idleSeconds) * 100,
  };
}

function idlePeer(publicKey: string, number: number) {
  const address = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
  return { publicKey, allowedIps: [`${address}/32`], endpoint: `198.51.100.9:${10_000 + number}` };
}
