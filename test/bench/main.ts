/** `npm run bench`: our engine beside the others, in the same run, round by round in turn. `--help` says more. */
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { repository } from '../lab/host.ts';
import { whyNoAead } from './aead-run.ts';
import {
  type Contender,
  culvert,
  culvertWithoutRoot,
  debianWireGuardGo,
  kernelWireGuard,
  type Other,
  type Ours,
} from './contender.ts';
import { experiments } from './experiments.ts';
import { type Experiment, quick, unhurried } from './figures.ts';
import { CORES_FOR_SCALING } from './hub-runs.ts';
import { missedText, type Taken, takeProfiles, wantedProfiles } from './missed.ts';
import { type Options, readOptions } from './options.ts';
import { bringBefore, fetchPeers, peerIds, whyNoKernel } from './peers.ts';
import { type Report, reportText, verdictsOf } from './report.ts';

const asked = readOptions(process.argv.slice(2), {
  ids: experiments.map(({ id }) => id),
  peerIds,
  jsonPlace: path.join(repository, 'test/output/bench.json'),
});
if (asked.kind === 'run') {
  try {
    await bench(asked.options);
  } catch (cause) {
    console.error(`\nThe bench has failed. ${(cause as Error).message}`);
    process.exit(1);
  }
  process.exit(0);
}
if (asked.kind === 'help') console.log(asked.text);
else console.error(`${asked.sentence}\nnpm run bench -- --help lists what it understands.`);
process.exit(asked.kind === 'help' ? 0 : 2);

async function bench(options: Options): Promise<void> {
  const started = performance.now();
  const chosen = experiments.filter(({ id }) => options.only.includes(id));
  const contenders = await gather(chosen, options);
  const report: Report = {
    experiments: chosen,
    results: [],
    engines: { isOurs: (name) => contenders.some((one) => one.name === name && one.isOurs) },
    absent: whyAbsent(),
  };
  const run: Run = { report, options, started, isShown: false, isLooking: false, taken: [] };
  // Hosts end with this process, whatever becomes of it; what is left to do is to show what there is.
  let isInterrupted = false;
  process.on('SIGINT', () => {
    // A terminal tells every program in it, and those that started us tell us once more.
    if (isInterrupted) return;
    isInterrupted = true;
    say('interrupted; this is what there is until now');
    void finish(run).finally(() => process.exit(130));
  });
  for (let round = 1; round <= options.rounds; round++)
    for (const experiment of chosen)
      for (const contender of inTurn(contenders, round))
        if (takesPart(experiment, contender, options))
          await once(report, options, { round, experiment, contender });
  showFigures(run);
  await lookAtMissed(run);
  await finish(run);
}

/** What a run has come to by now. */
interface Run {
  report: Report;
  options: Options;
  /** As `performance.now()` has it. */
  started: number;
  /** Figures and verdicts are printed. */
  isShown: boolean;
  /** Profiles are being taken, or are. */
  isLooking: boolean;
  taken: Taken[];
}

/** To come first or last makes a difference on some machines. */
function inTurn(contenders: Contender[], round: number): Contender[] {
  return round % 2 === 1 ? contenders : contenders.toReversed();
}

/** In the order of the tables. What nothing asks for is not built. */
async function gather(chosen: Experiment[], options: Options): Promise<Contender[]> {
  const before: Ours[] = options.before === undefined ? [] : [await bringBefore(options.before)];
  const isWanted = (contender: Contender) =>
    chosen.some((experiment) => takesPart(experiment, contender, options));
  const fetched = await fetchPeers(isWanted, say);
  const others = [...fetched, debianWireGuardGo].filter(isWanted);
  const inKernel = isWanted(kernelWireGuard) ? await whyNoKernel() : undefined;
  if (inKernel !== undefined) say(`without kernel WireGuard: ${inKernel}`);
  else if (isWanted(kernelWireGuard)) others.push(kernelWireGuard);
  return [culvert, ...before, culvertWithoutRoot, ...others];
}

function takesPart(experiment: Experiment, contender: Contender, options: Options): boolean {
  return (
    (experiment.takesPart?.(contender) ?? true) &&
    (contender.isOurs || isChosen(experiment, contender, options))
  );
}

function isChosen(experiment: Experiment, contender: Other, { peers, isQuick }: Options): boolean {
  if (peers) return peers.includes(contender.id);
  return !isQuick || contender.isKernel || experiment.quickPeers.includes(contender.name);
}

function whyAbsent(): Record<string, string> {
  const cores = os.availableParallelism();
  const aead = whyNoAead(readFileSync('/proc/cpuinfo', 'utf8'));
  return {
    ...(aead === undefined ? {} : { aead }),
    ...(cores < CORES_FOR_SCALING
      ? { 'hub-cores': `it takes ${CORES_FOR_SCALING} cores, this machine has ${cores}` }
      : {}),
  };
}

/** Another engine that does not carry something is named and left out; ours must work. */
async function once(
  report: Report,
  options: Options,
  one: { round: number; experiment: Experiment; contender: Contender },
): Promise<void> {
  const { round, experiment, contender } = one;
  say(`round ${round} of ${options.rounds}, ${experiment.id}, ${contender.name}`);
  try {
    const figures = await experiment.run(contender, options.isQuick ? quick : unhurried);
    report.results.push({
      experiment: experiment.id,
      contender: contender.name,
      round,
      figures,
    });
  } catch (cause) {
    const { message } = cause as Error;
    if (contender.isOurs)
      throw new Error(`${contender.name} in ${experiment.id}: ${message}`, { cause });
    say(`without ${contender.name} in ${experiment.id}: ${message.split('\n')[0]}`);
  }
}

function showFigures(run: Run): void {
  if (run.isShown) return;
  run.isShown = true;
  console.log(`\n${reportText(run.report)}`);
}

async function lookAtMissed(run: Run): Promise<void> {
  const wanted = wantedProfiles(verdictsOf(run.report));
  if (!run.options.isProfiling) {
    if (run.options.isQuick && wanted.length > 0)
      console.log('\n--profile shows where the time goes of what was missed.');
    return;
  }
  run.isLooking = true;
  await takeProfiles(wanted, (one) => run.taken.push(one), say);
}

async function finish(run: Run): Promise<void> {
  showFigures(run);
  const { report, options, taken } = run;
  const { rounds, isQuick } = options;
  const { results } = report;
  const verdicts = verdictsOf(report);
  const profiles = run.isLooking ? missedText(verdicts, taken) : '';
  if (profiles !== '') console.log(`\n${profiles}`);
  const machine = {
    cores: os.availableParallelism(),
    kernel: os.release(),
    cpu: os.cpus()[0]?.model,
  };
  const all = { rounds, isQuick, machine, results, verdicts, profiles: taken };
  await mkdir(path.dirname(options.json), { recursive: true });
  await writeFile(options.json, `${JSON.stringify(all, null, 2)}\n`);
  console.log(`\nAll figures: ${path.relative(process.cwd(), options.json)}`);
  say(`took ${Math.round((performance.now() - run.started) / 1000)} s`);
}

function say(sentence: string): void {
  console.error(sentence);
}
