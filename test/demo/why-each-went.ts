/** Four destinations, and why each goes where it goes. */
import { eventually } from '../lab/eventually.ts';
import type { Administrator } from '../world/administrator.ts';
import type { Device } from '../world/device.ts';
import type { Story } from './story.ts';

export async function whyEachWent(
  story: Story,
  administrator: Administrator,
  device: Device,
  networkId: string,
): Promise<void> {
  story.chapter('Why did it go there?');
  await story.step('a rule is put first: nobody may use port 8080', async () => {
    const rule = await administrator.allow('No port 8080', networkId, {
      action: 'block',
      protocol: 'tcp',
      ports: [{ from: 8080, to: 8080 }],
    });
    await administrator.putFirst(rule.id);
  });
  await story.step(
    'a blocked connection is refused at once, not left hanging',
    // The rule is on its way to the engine.
    () => eventually(() => refusalMs(device), 5_000),
    (ms) => `${ms} ms`,
  );
  const questions: [string, number][] = [
    ['192.168.0.10:22', 0],
    ['192.168.0.10:8080', 7],
    ['192.168.0.20:80', 0],
    ['192.168.178.30:80', 0],
  ];
  for (const [destination, expected] of questions) {
    const { code, stdout, stderr } = await device.tryCulvert(['why', destination]);
    if (code !== expected)
      throw new Error(`culvert why ${destination} ended with ${code}: ${stderr}`);
    story.show(`culvert why ${destination}`, stdout);
  }
}

async function refusalMs(device: Device): Promise<number> {
  const startedAt = performance.now();
  const { code } = await device.host.try(
    ['curl', '-sS', '--max-time', '5', 'http://192.168.0.10:8080/'],
    { user: device.user },
  );
  // curl's 7 is “connection refused or prohibited”; 28 would be a time-out.
  if (code !== 7) throw new Error(`curl ended with ${code}`);
  return Math.round(performance.now() - startedAt);
}
