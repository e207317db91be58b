/** The employee's part: sign in, switch on, work. */
import type { Device } from '../world/device.ts';
import { hostState } from '../world/host-state.ts';
import { people } from '../world/provider.ts';
import { CANARY, PRINTER_SAYS, PRIVATE_NAME, SECOND_SAYS, type World } from '../world/world.ts';
import type { Story } from './story.ts';

export interface Connected {
  device: Device;
  /** Everything that Culvert may touch on the laptop, before it was switched on. */
  before: string;
}

export async function employeeConnects(story: Story, world: World): Promise<Connected> {
  story.chapter(`${people.alice.name} works from home`);
  const device = await story.step('the laptop has culvertd, and alice is an ordinary user', () =>
    world.device(),
  );
  const before = await hostState(device.host);
  await story.step('culvert login: the browser opens, the provider asks for her password', () =>
    device.signIn(world.browser, world.gateway.joinLink, people.alice),
  );
  await story.step('before: 192.168.0.10 cannot be reached', async () => {
    const { code } = await ssh(device, 'true', 1);
    if (code === 0) throw new Error('it could be reached without the tunnel');
  });
  const startedAt = performance.now();
  story.show('culvert up --wait', await story.step('switches on', () => switchOn(device)));
  story.fact('switch on → connected', `${Math.round(performance.now() - startedAt)} ms`);

  await reachesTheServer(story, device);
  await reachesTheRest(story, device);
  return { device, before };
}

async function switchOn(device: Device): Promise<string> {
  const { code, stdout, stderr } = await device.tryCulvert(['up', '--wait']);
  // Why it is not on is in the status that it shows.
  if (code !== 0) throw new Error(`culvert up ended with exit code ${code}:\n${stdout}${stderr}`);
  return stdout;
}

async function reachesTheServer(story: Story, device: Device): Promise<void> {
  const answer = await story.step('ssh 192.168.0.10', async () => {
    const { code, stdout, stderr } = await ssh(
      device,
      'echo "You are on $(hostname); its sshd saw you come from $(echo $SSH_CONNECTION | cut -d" " -f1)."',
      10,
    );
    if (code !== 0) throw new Error(stderr);
    return stdout;
  });
  story.show('ssh 192.168.0.10', answer);
  story.fact('the command was started → ssh', `${story.seconds.toFixed(1)} s`);
  const pings = await story.step('ping 192.168.0.10', () =>
    device.host.run(['ping', '-c', '5', '-i', '0.2', '192.168.0.10'], { user: device.user }),
  );
  story.show('ping -c 5 192.168.0.10', pings.split('\n').slice(-3).join('\n'));
  await story.step(
    'scp of 100 MB there and back, equal checksums',
    () => copyBothWays(device),
    (rate) => rate,
  );
}

async function reachesTheRest(story: Story, device: Device): Promise<void> {
  const get = (address: string) =>
    device.host.run(['curl', '-sS', '--max-time', '5', `http://${address}`], {
      user: device.user,
    });
  await story.step(
    'curl http://192.168.0.20, the second host, without any further set-up',
    async () => same(await get('192.168.0.20'), SECOND_SAYS),
    quoted,
  );
  await story.step(
    'curl http://192.168.0.10:8080',
    async () => await get('192.168.0.10:8080'),
    quoted,
  );
  await story.step(
    `dig ${PRIVATE_NAME} @192.168.0.20, over UDP`,
    async () =>
      same(
        await device.host.run(['dig', '+short', '+time=3', '@192.168.0.20', PRIVATE_NAME], {
          user: device.user,
        }),
        '192.168.0.20',
      ),
    quoted,
  );
  await story.step(
    'the printer at home is still reached directly',
    async () => same(await get('192.168.178.30'), PRINTER_SAYS),
    quoted,
  );
  await story.step(
    'a secret word is fetched through the tunnel, to be looked for later',
    async () => same(await get('192.168.0.20/secret'), CANARY),
  );
}

async function ssh(device: Device, script: string, seconds: number) {
  return await device.host.try(
    ['ssh', '-o', `ConnectTimeout=${seconds}`, '-o', 'BatchMode=yes', '192.168.0.10', script],
    { user: device.user },
  );
}

async function copyBothWays(device: Device): Promise<string> {
  const startedAt = performance.now();
  const script = `cd && head -c 100000000 /dev/urandom >there && scp -q there 192.168.0.10:copy && scp -q 192.168.0.10:copy back
sha256sum <there; sha256sum <back; ssh 192.168.0.10 'sha256sum <copy; rm copy'; rm there back`;
  const sums = (await device.host.sh(script, { user: device.user, timeoutMs: 120_000 }))
    .trim()
    .split('\n');
  if (sums.length !== 3 || new Set(sums).size !== 1)
    throw new Error(`the checksums differ: ${sums.join(', ')}`);
  const seconds = (performance.now() - startedAt) / 1000;
  return `SHA-256 ${sums[0]?.slice(0, 12)}…, 200 MB in ${seconds.toFixed(1)} s`;
}

function same(got: string, wanted: string): string {
  if (got.trim() !== wanted) throw new Error(`expected “${wanted}”, got “${got.trim()}”`);
  return got.trim();
}

function quoted(text: string): string {
  return `“${text.trim()}”`;
}
