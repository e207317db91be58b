/** What the switch does with a packet when one device sends all, and when 10,000 take turns: as `--only hub-peers` loads it. */
import { alone, startHubLoad } from './hub-load.ts';
import { pause } from './measure.ts';
import { refuseWithoutPerf, sharesOf } from './profile-cpu.ts';
import { inLab } from './topology.ts';
import { cpuDuring } from './usage.ts';

const SECONDS = 3;
const CROWDS = [1, 100, 10_000];

export async function profileHub(): Promise<void> {
  await refuseWithoutPerf();
  for (const devices of CROWDS)
    await inLab(async (lab) => {
      const load = await startHubLoad(lab, { ...alone, devices }, SECONDS + 1);
      await load.introduced;
      const looking = pause(0.5).then(() => sharesOf(load.hub, SECONDS));
      const { result, cpuSeconds } = await cpuDuring([load.hub], () => load.carried);
      const nanos = (cpuSeconds / result.delivered) * 1e9;
      const rate = Math.round(result.delivered / result.seconds / 1000);
      const busy = Math.round((cpuSeconds / result.seconds) * 100);
      console.log(
        `${devices} devices: ${nanos.toFixed(0)} ns a packet; ${rate} thousand a second, the switch's core busy to ${busy} %`,
      );
      for (const { group, percent } of await looking)
        console.log(`  ${((percent * nanos) / 100).toFixed(0).padStart(5)} ns  ${group}`);
    });
}
