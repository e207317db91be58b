/** An edit in the dashboard, enforced on the device: how long that takes, measured on the device's own routing decision. */
import type { Administrator } from '../world/administrator.ts';
import { enterExclude, pressSave } from '../world/dashboard.ts';
import type { Device } from '../world/device.ts';
import type { Story } from './story.ts';

const EXCLUDED = '192.168.0.20/32';

export async function changeArrives(
  story: Story,
  administrator: Administrator,
  device: Device,
): Promise<void> {
  story.chapter('A change arrives');
  const profile = await administrator.defaultProfile();
  const tookMs = await story.step(
    `excludes ${EXCLUDED} in the profile “${profile.name}”`,
    async () => {
      await enterExclude(administrator.page, EXCLUDED);
      const watch = watchRoute(device, (route) => !route.includes('culvert0'));
      await watch.isWatching;
      const savedAt = await pressSave(administrator.page);
      return (await watch.changedAt) - savedAt;
    },
    (ms) => `enforced on the laptop ${ms} ms after Save was pressed`,
  );
  story.fact('Save pressed → enforced on the device', `${tookMs} ms`);
  if (tookMs > 1000) throw new Error(`the change took ${tookMs} ms; a second is the promise`);
  story.show('culvert routes', await device.culvert(['routes']));
}

interface Watch {
  isWatching: Promise<unknown>;
  /** Unix ms. */
  changedAt: Promise<number>;
}

/** Asks the laptop's kernel over and over where it would send a packet for the excluded host. */
function watchRoute(device: Device, hasChanged: (route: string) => boolean): Watch {
  const [address] = EXCLUDED.split('/');
  const script = `while :; do echo "$(date +%s%3N) $(ip route get ${address})"; sleep 0.005; done`;
  const service = device.host.start('route watch', ['bash', '-c', script]);
  const isWatching = service.waitFor(/culvert0/);
  const changedAt = (async () => {
    const deadline = Date.now() + 10_000;
    try {
      for (;;) {
        const line = service.log.split('\n').find((one) => /^\d+ \d/.test(one) && hasChanged(one));
        if (line) return Number(line.split(' ')[0]);
        if (Date.now() > deadline) throw new Error('the change did not arrive within 10 s');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    } finally {
      await service.stop('SIGKILL');
    }
  })();
  // Awaited later; a failure before that must not count as unhandled.
  changedAt.catch(() => {});
  return { isWatching, changedAt };
}
