/** Our cipher beside `ring`, packet for packet in one process, in turn: what `native/aead/examples/ns-per-packet.rs` prints. */
import { succeed } from '../lab/command.ts';
import { repository } from '../lab/host.ts';
import { culvert } from './contender.ts';
import type { Column, Experiment, Figures } from './figures.ts';

const BYTES = 1420;
/** As the data path gathers them. */
const TOGETHER = '16';

const aSecond = (key: string, title: string): Column => ({
  key,
  title: `${title}: packets a second`,
  digits: 0,
  better: 'more',
});

export const aeadExperiment: Experiment = {
  id: 'aead',
  title: `aead  packets of ${BYTES} bytes on one core: ring one by one, ours ${TOGETHER} together`,
  columns: [
    aSecond('sealRing', 'seal, ring'),
    aSecond('sealOurs', 'seal, ours'),
    aSecond('openRing', 'open, ring'),
    aSecond('openOurs', 'open, ours'),
  ],
  quickPeers: [],
  takesPart: (contender) => contender === culvert,
  run: async () => {
    const example = ['--package', 'culvert-aead', '--example', 'ns-per-packet', '--', `${BYTES}`];
    const argv = ['cargo', 'run', '--quiet', '--release', '--locked', ...example];
    const text = await succeed(argv, { cwd: `${repository}/native`, timeoutMs: BUILD_AND_RUN_MS });
    return readAead(text, BYTES);
  },
};

const BUILD_AND_RUN_MS = 180_000;

/** Nothing where our own way is not to be had: what is printed for it there is `ring` again. */
export function readAead(text: string, bytes: number): Figures {
  if (!/^best here: Avx512\b/m.test(text)) return {};
  // A line of names, and lines such as `seal 1420 B   813 (1.00)   472 (1.72)`.
  const names = /^ +(ring .*)$/m.exec(text)?.[1]?.trim().split(/\s+/) ?? [];
  const nanoseconds = (verb: string, name: string) => {
    const line = new RegExp(`^${verb} ${bytes} B (.*)$`, 'm').exec(text)?.[1] ?? '';
    const all = [...line.matchAll(/(\d+) \([\d.]+\)/g)];
    return Number(all[names.indexOf(name)]?.[1]);
  };
  return Object.fromEntries(
    ['seal', 'open'].flatMap((verb) => [
      [`${verb}Ring`, 1e9 / nanoseconds(verb, 'ring')],
      [`${verb}Ours`, 1e9 / nanoseconds(verb, TOGETHER)],
    ]),
  );
}

/** `processors`: /proc/cpuinfo. Undefined where it can be measured. */
export function whyNoAead(processors: string): string | undefined {
  return /\bavx512ifma\b/.test(processors)
    ? undefined
    : 'our own way takes AVX-512 IFMA, which this processor lacks';
}
