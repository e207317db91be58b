/**
 * `npm run soak [-- --minutes N]`: real engines of every role under traffic, rekeys, roams and peers that come and go. Ends with a
 * verdict: memory, descriptors and threads flat, no datagram lost that nothing explains, none doubled or changed, and
 * as many handshakes as wireguard-go begins. One hour, unless told otherwise.
 *
 * `npm run soak -- --virtual [--hours N]`: the core alone, and the gateway's switch alone, a day of each in virtual time.
 * `npm run soak -- --gigabytes N [--only WORDS]`: N GB, TCP and UDP, checked byte by byte, for each of the sixteen ways in which the
 * kernels of two devices can have offloads or not; each time both families inside and outside, and MTU 1280 to 9000. And for each of
 * eight ways from a device through a gateway and a connector: with all offloads, with none, or with those of its ends or of its middle
 * alone, and a connector in either mode. With `--only`, those whose names have the words: 'near with both', 'user space'.
 */
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCommandOptions, readPositive } from '../command-options.ts';
import { repository } from '../lab/host.ts';
import { Lab } from '../lab/lab.ts';
import { Scene } from './scene.ts';
import { Talker } from './talker.ts';
import { DEVICES, ECHO_PORT, PAIRS, soakTopology, TARGET } from './topology.ts';

const USAGE =
  'npm run soak -- [--minutes N | --virtual [--hours N] | --gigabytes N [--only WORDS]]';
const values = readCommandOptions(
  {
    minutes: { type: 'string', default: '60' },
    virtual: { type: 'boolean', default: false },
    hours: { type: 'string', default: '24' },
    gigabytes: { type: 'string' },
    only: { type: 'string', default: '' },
  },
  USAGE,
);

const EVERY_MS = 20;
const SAMPLE_MS = 5_000;
const ROAM_MS = 20_000;
const CHURN_MS = 45_000;
const LOAD_MS = 60_000;
/** A roam costs what was under way, and the pause until the other end has heard from the new place. */
const AFTER_A_ROAM_MS = 1_500;
/** Who was removed notices after 15 s, or at its next try 5 s and a third later; and once more for a lost one. */
const AFTER_A_RETURN_MS = 28_000;
const RENEWAL_MINUTES = 2;
const REPORT_MS = 30_000;
const LEAST_MINUTES = 1;
let lastReport = 0;

process.exit(await runChosen());

async function runChosen(): Promise<number> {
  if (values.virtual) return runVirtual();
  if (values.gigabytes === undefined) return await runMinutes(Number(told('minutes')));
  return runCargo('culvert-engine', ['offloads', 'offloads_relayed'], {
    CULVERT_TRANSFER_GIGABYTES: told('gigabytes'),
    CULVERT_TRANSFER_ONLY: values.only,
  });
}

/** The second day is lived even when the first one fails: they have nothing in common. */
function runVirtual(): number {
  const environment = { CULVERT_VIRTUAL_HOURS: told('hours') };
  const core = runCargo('culvert-core', ['soak'], environment);
  const gatewaySwitch = runCargo('culvert-switch', ['day'], environment);
  return core || gatewaySwitch;
}

function runCargo(crate: string, tests: string[], environment: Record<string, string>): number {
  const named = tests.flatMap((name) => ['--test', name]);
  const argv = ['test', '--release', '-p', crate, ...named, '--', '--nocapture'];
  const env = { ...process.env, ...environment };
  return (
    spawnSync('cargo', argv, { cwd: `${repository}/native`, env, stdio: 'inherit' }).status ?? 1
  );
}

async function runMinutes(minutes: number): Promise<number> {
  if (minutes >= LEAST_MINUTES) return await run(minutes);
  console.error(`--minutes takes a number from ${LEAST_MINUTES}: memory is judged by quarters.`);
  return 2;
}

async function run(minutes: number): Promise<number> {
  await using lab = await Lab.build(soakTopology);
  const scene = new Scene(lab);
  await scene.start();
  const talkers = Object.fromEntries(
    Object.keys(DEVICES).map((name) => [
      name,
      new Talker(lab.host(name), name, TARGET, ECHO_PORT, EVERY_MS),
    ]),
  );
  const pairTalkers = PAIRS.map(
    ({ interfaceName, right }) =>
      new Talker(lab.host('left'), `left ${interfaceName}`, right, ECHO_PORT, EVERY_MS),
  );
  const all = [...Object.values(talkers), ...pairTalkers];
  // The first datagrams wait for the first handshakes.
  for (const talker of all) await talker.disturb(() => sleep(3_000), 0);

  const end = Date.now() + minutes * 60_000;
  const isOver = () => Date.now() >= end;
  const counts = { roams: 0, removals: 0, loads: 0 };
  await Promise.all([
    repeat(isOver, SAMPLE_MS, async () => {
      for (const watched of scene.watched) await watched.take();
      report(end, counts, all, scene);
    }),
    repeat(isOver, ROAM_MS, async () => {
      await talkers.roamer?.disturb(() => scene.roam(), AFTER_A_ROAM_MS);
      counts.roams++;
    }),
    repeat(isOver, CHURN_MS, async () => {
      await talkers.guest?.disturb(
        () => removeAndReturn(scene, counts.removals),
        AFTER_A_RETURN_MS,
      );
      counts.removals++;
    }),
    repeat(isOver, LOAD_MS, async () => {
      await load(lab);
      counts.loads++;
    }),
  ]);
  return await judge(scene, all, minutes, counts);
}

/** Until it is over; work that takes longer than its pause follows on itself. */
async function repeat(
  isOver: () => boolean,
  everyMs: number,
  work: () => Promise<void>,
): Promise<void> {
  while (!isOver()) {
    const next = Date.now() + everyMs;
    await work();
    await sleep(Math.max(0, next - Date.now()));
  }
}

async function removeAndReturn(scene: Scene, times: number): Promise<void> {
  await scene.configureHub(false);
  await sleep(2_000);
  if (times % 2 === 1) await scene.giveGuestNewKey();
  await scene.configureHub(true);
}

/** A stream through gateway and connector beside everything else, paced: a full queue would lose datagrams, as queues do. */
async function load(lab: Lab): Promise<void> {
  const server = lab
    .host('target')
    .start('iperf3', ['iperf3', '--server', '--one-off', '--forceflush']);
  await server.waitFor(/Server listening/);
  const argv = ['iperf3', '--client', TARGET, '--time', '10', '--bitrate', '50M', '--reverse'];
  await lab.host('steady').run(argv, { timeoutMs: 40_000 });
  await server.stop();
}

function report(end: number, counts: object, talkers: Talker[], scene: Scene): void {
  if (Date.now() - lastReport < REPORT_MS) return;
  lastReport = Date.now();
  const left = `${((end - Date.now()) / 60_000).toFixed(1)} min left`;
  const done = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  const lost = talkers.map((talker) => {
    const { sent, unexplained, explained } = talker.account();
    return `${talker.name} ${sent} (${unexplained.length} + ${explained} lost)`;
  });
  const memory = scene.watched.map(({ name, last }) => `${name} ${last.rssKb}`);
  console.log(`${left}: ${done.join(', ')}; ${lost.join(', ')}; KB: ${memory.join(', ')}`);
}

async function judge(
  scene: Scene,
  talkers: Talker[],
  minutes: number,
  counts: object,
): Promise<number> {
  const initiations = await scene.initiations();
  const accounts = await Promise.all(talkers.map((talker) => talker.finish()));
  const verdicts = [
    ...scene.watched
      .map((watched) => watched.verdict())
      .map(({ isFlat, sentence }) => line(isFlat, sentence)),
    ...accounts.map((account, number) => {
      const { sent, received, unexplained, explained, doubled, changed } = account;
      const isFine =
        unexplained.length + doubled + changed === 0 && sent > 0 && received > sent / 4;
      const at = unexplained.slice(0, 5).map((time) => ` ${new Date(time).toISOString()}`);
      return line(
        isFine,
        `${talkers[number]?.name}: ${sent} sent, ${received} came back, ${explained} lost while something was done to it, ` +
          `${unexplained.length} lost otherwise${at.join('')}, ${doubled} doubled, ${changed} changed`,
      );
    }),
    judgeInitiations(initiations, minutes),
  ];
  console.log(
    Object.entries(counts)
      .map(([what, count]) => `${count} ${what}`)
      .join(', '),
  );
  return verdicts.every(Boolean) ? 0 : 1;
}

/** One at the start, and one in two minutes; both ends begin the first at once, and a busy machine may add one. */
function judgeInitiations([ours = 0, theirs = 0]: number[], minutes: number): boolean {
  const due = Math.floor(minutes / RENEWAL_MINUTES);
  const isFine = ours >= due && ours <= due + 3;
  return line(
    isFine,
    `handshakes in ${minutes} minutes: ${ours} with wireguard-go, ${theirs} between two wireguard-go`,
  );
}

function line(isFine: boolean, sentence: string): boolean {
  console.log(`${isFine ? 'ok    ' : 'FAILED'} ${sentence}`);
  return isFine;
}

function told(option: 'hours' | 'minutes' | 'gigabytes'): string {
  return String(readPositive(`--${option}`, values[option] ?? '', USAGE));
}
