/** Off: the laptop is byte for byte what it was. */
import type { Device } from '../world/device.ts';
import { hostState } from '../world/host-state.ts';
import type { Story } from './story.ts';

export async function switchOff(story: Story, device: Device, before: string): Promise<void> {
  story.chapter('Off');
  await story.step('culvert down', () => device.culvert(['down']));
  await story.step(
    'routes, rules, addresses, nft tables and settings are byte-equal to before',
    async () => {
      const after = await hostState(device.host);
      if (after !== before) throw new Error(`the laptop differs:\n${difference(before, after)}`);
      return after.length;
    },
    (bytes) => `${bytes} bytes compared`,
  );
  story.fact('left behind on the laptop', 'nothing');
}

function difference(before: string, after: string): string {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const gone = old.filter((line) => !now.includes(line)).map((line) => `- ${line}`);
  const added = now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`);
  return [...gone, ...added].join('\n');
}
