/**
 * `npm run demo [-- --stay] [--json FILE]`: the main job on real parts, told while it happens. Every step must work; the first that does
 * not ends the demo with a non-zero exit code and its name. The file gets each step, what was measured, and the exit code.
 */
import colors from 'picocolors';
import { readCommandOptions } from '../command-options.ts';
import { Capture } from '../world/capture.ts';
import { VPC_RANGE, World } from '../world/world.ts';
import { AccountFile } from './account-file.ts';
import { administratorSetsUp } from './administrator-sets-up.ts';
import { changeArrives } from './change-arrives.ts';
import { employeeConnects } from './employee-connects.ts';
import { evidence } from './evidence.ts';
import { Interrupted, interruption } from './interruption.ts';
import { Doors, stay } from './stay.ts';
import { Story } from './story.ts';
import { switchOff } from './switch-off.ts';
import { whyEachWent } from './why-each-went.ts';

const options = readCommandOptions(
  { stay: { type: 'boolean', default: false }, json: { type: 'string' } },
  'npm run demo -- [--stay] [--json FILE]',
);

/** Everything that the story is played with; all of it goes at the end, however that comes. */
interface Stage {
  world: World;
  internet: Capture;
  /** Only what the web servers in the VPC are asked and answer. */
  vpcWeb: Capture;
}

const interrupted = interruption();
const story = new Story(startOfCommand());
const made = new AsyncDisposableStack();
let stage: Stage | undefined;
let exitCode = 0;
const accountFile = options.json === undefined ? undefined : await openAccount(options.json);
console.log(`
  home 192.168.178.0/24          internet 203.0.113.0/24          VPC ${VPC_RANGE}, no inbound port
  laptop  .20 ─┐                 ┌─ gateway .10                   ┌─ .10 server: sshd, and the connector
  printer .30 ─┴─ home router ───┼─ identity provider .20         ├─ .20 a second host that knows nothing of us
                                 └─ VPC router ───────────────────┘`);
try {
  await Promise.race([tell(), interrupted]);
} catch (cause) {
  exitCode = cause instanceof Interrupted ? cause.exitCode : 1;
  if (cause instanceof Interrupted) story.breakOff();
  else explain(cause as Error);
}
try {
  await accountFile?.write({ exitCode, ...story.account });
} catch (cause) {
  exitCode ||= 1;
  console.error(`\n${(cause as Error).message}`);
} finally {
  await made.disposeAsync();
}
// What was interrupted may still wait for an answer that does not come any more.
process.exit(exitCode);

/** Unix ms: of the command that put everything in place first (test/setup/run.mjs), where there is one. */
function startOfCommand(): number {
  const told = process.env.CULVERT_STARTED_AT;
  return told === undefined ? performance.timeOrigin : Number(told);
}

async function openAccount(path: string): Promise<AccountFile> {
  try {
    return made.use(await AccountFile.open(path));
  } catch (cause) {
    console.error((cause as Error).message);
    process.exit(1);
  }
}

async function tell(): Promise<void> {
  const doors = options.stay ? made.use(await Doors.open()) : undefined;
  story.chapter('Three places, and the Internet between them');
  stage = await story.step('hosts, servers, identity provider and gateway are up', setTheStage);
  const { world, internet, vpcWeb } = stage;
  const { administrator, networkId } = await administratorSetsUp(story, world);
  const { device, before } = await employeeConnects(story, world);
  await changeArrives(story, administrator, device);
  await whyEachWent(story, administrator, device, networkId);
  await evidence(story, world, device, { internet, vpcWeb });
  if (doors) await stay(doors, world, device);
  await switchOff(story, device, before);
  story.fact('the whole demo', `${story.seconds.toFixed(0)} s`);
  story.summary('What you have seen');
}

async function setTheStage(): Promise<Stage> {
  const building = build();
  // Interrupted half-way, it is waited for: only what is there can be taken away.
  made.defer(async () => {
    const built = await building.catch(() => undefined);
    if (built) await strike(built);
  });
  return await building;
}

async function build(): Promise<Stage> {
  const world = await World.build();
  try {
    const internet = await Capture.on(world.lab, 'internet');
    return { world, internet, vpcWeb: await Capture.on(world.lab, 'vpc', 'tcp port 80') };
  } catch (cause) {
    await world.stop();
    throw cause;
  }
}

async function strike({ world, internet, vpcWeb }: Stage): Promise<void> {
  await Promise.all([internet[Symbol.asyncDispose](), vpcWeb[Symbol.asyncDispose]()]);
  await world.stop();
}

function explain(cause: Error): void {
  console.error(`\n${colors.red('The demo did not work.')} ${cause.message}`);
  if (process.env.CULVERT_DEMO_LOGS) console.error(stage?.world.lab.logs);
  else console.error('CULVERT_DEMO_LOGS=1 npm run demo shows the log of every part.');
}
