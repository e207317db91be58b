/** What sealing and opening a packet with our own cipher consists of: `native/aead/examples/one-way.rs` under `perf`. */
import { succeed } from '../lab/command.ts';
import { repository } from '../lab/host.ts';
import { record } from './profile-cpu.ts';
import { type Profile, rowsOfShares } from './profile-table.ts';
import { gathered, type Sample, type Share } from './samples.ts';

const BYTES = 1420;
const SECONDS = 3;
const BUILD_MS = 180_000;

export async function profileAead(): Promise<Profile> {
  const example = ['--package', 'culvert-aead', '--example', 'one-way'];
  const build = ['cargo', 'build', '--quiet', '--release', '--locked', ...example];
  await succeed(build, { cwd: `${repository}/native`, timeoutMs: BUILD_MS });
  const seal = await look('seal');
  const open = await look('open');
  return {
    about: `Our cipher on one core, time a packet of ${BYTES} bytes, 16 of them together`,
    facts: [
      { what: 'sealing takes', value: seal.nanoseconds, unit: 'ns', digits: 0 },
      { what: 'opening', value: open.nanoseconds, unit: 'ns', digits: 0 },
    ],
    columns: ['sealing', 'opening'].map((title) => ({ title, unit: 'ns', digits: 0 })),
    rows: rowsOfShares(
      [seal.shares, open.shares],
      [seal.nanoseconds / 100, open.nanoseconds / 100],
    ),
  };
}

async function look(verb: 'seal' | 'open'): Promise<{ shares: Share[]; nanoseconds: number }> {
  const program = `${repository}/native/target/release/examples/one-way`;
  const { samples, said } = await record(['--', program, verb, String(BYTES), String(SECONDS)]);
  const [, way, nanoseconds] = /^(\w+): ([\d.]+) ns per packet/m.exec(said) ?? [];
  if (way !== 'Avx512') throw new Error('our own cipher takes AVX-512 IFMA');
  return { shares: cipherShares(samples), nanoseconds: Number(nanoseconds) };
}

const parts: [group: string, symbols: RegExp][] = [
  ['ChaCha20', /avx512::chacha20/],
  ['Poly1305', /avx512::(poly1305|powers|limbs)|residue/],
  ['the rest: key stream and text, passes', /culvert_aead|memset/],
];

/** Of the cipher's own time: what the program does besides (clock, sealed packets taken back) is left out. */
export function cipherShares(samples: readonly Sample[]): Share[] {
  const own = samples.flatMap((sample) => {
    const part = parts.find(([, symbols]) => !sample.isKernel && symbols.test(sample.symbol));
    return part === undefined ? [] : [{ group: part[0], sample }];
  });
  const whole = own.reduce((total, { sample }) => total + sample.percent, 0);
  return gathered(own).map((share) => ({ ...share, percent: (share.percent / whole) * 100 }));
}
