/**
 * `npm run demo [-- --stay]`: the main job on real parts, told while it happens. Every step must work; the first that does not ends the
 * demo with a non-zero exit code and its name.
 */
import { parseArgs } from 'node:util';
import colors from 'picocolors';
import { Capture } from '../world/capture.ts';
import { VPC_RANGE, World } from '../world/world.ts';
import { administratorSetsUp } from './administrator-sets-up.ts';
import { changeArrives } from './change-arrives.ts';
import { employeeConnects } from './employee-connects.ts';
import { evidence } from './evidence.ts';
import { stay } from './stay.ts';
import { Story } from './story.ts';
import { switchOff } from './switch-off.ts';
import { whyEachWent } from './why-each-went.ts';

const { values: options } = parseArgs({ options: { stay: { type: 'boolean', default: false } } });

console.log(`
  home 192.168.178.0/24          internet 203.0.113.0/24          VPC ${VPC_RANGE}, no inbound port
  laptop  .20 ─┐                 ┌─ gateway .10                   ┌─ .10 server: sshd, and the connector
  printer .30 ─┴─ home router ───┼─ identity provider .20         ├─ .20 a second host that knows nothing of us
                                 └─ VPC router ───────────────────┘`);

const story = new Story();
let world: World | undefined;
let isStopping = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    isStopping = true;
    void world?.stop().finally(() => process.exit(130));
    if (!world) process.exit(130);
  });
}

try {
  story.chapter('Three places, and the Internet between them');
  world = await story.step('hosts, servers, identity provider and gateway are up', () =>
    World.build(),
  );
  const capture = await Capture.on(world.lab, 'internet');
  try {
    const { administrator, networkId } = await administratorSetsUp(story, world);
    const { device, before } = await employeeConnects(story, world);
    await changeArrives(story, administrator, device);
    await whyEachWent(story, administrator, device, networkId);
    await evidence(story, world, device, capture);
    if (options.stay) await stay(world, device);
    await switchOff(story, device, before);
  } finally {
    await capture.discard();
  }
  story.fact('the whole demo', `${story.seconds.toFixed(0)} s`);
  story.summary('What you have seen');
} catch (cause) {
  if (!isStopping) {
    process.exitCode = 1;
    console.error(`\n${colors.red('The demo did not work.')} ${(cause as Error).message}`);
    if (process.env.CULVERT_DEMO_LOGS) console.error(world?.lab.logs);
    else console.error('CULVERT_DEMO_LOGS=1 npm run demo shows the log of every part.');
  }
} finally {
  await world?.stop();
}
