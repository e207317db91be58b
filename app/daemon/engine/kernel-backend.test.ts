import { expect, test } from 'vitest';
import type { TunnelPeer } from './backend.ts';
import { KernelBackend } from './kernel-backend.ts';
import type { Run } from './program.ts';
import { parseDump } from './wg-tool.ts';

const settings = { privateKey: 'SECRET=', mtu: 1420, mark: 0x4300_0000 };
const peer: TunnelPeer = {
  publicKey: 'GATEWAY=',
  endpoint: '203.0.113.7:51820',
  allowedIps: ['100.96.0.0/16', '10.0.0.0/8'],
  keepaliveSeconds: 25,
  isFresh: false,
};
const interfaceLine = 'SECRET=\tPUBLIC=\t51820\t0x43000000';
const peerLine = 'GATEWAY=\t(none)\t203.0.113.7:4500\t10.0.0.0/8\t1700000000\t9\t7\t25';

test('the private key goes through standard input, never through an argument', async () => {
  const kernel = new FakeKernel(null);

  await kernel.backend.start(settings);

  expect(kernel.said).toEqual([
    'wg show culvert0 dump',
    'ip link add culvert0 type wireguard',
    'wg set culvert0 fwmark 0x43000000 private-key /dev/stdin < SECRET=',
    'ip link set dev culvert0 mtu 1420 up',
  ]);
  await kernel.backend.stop();
});

test('a device that is there is adopted, and its peer keeps its session', async () => {
  const kernel = new FakeKernel(`${interfaceLine}\n${peerLine}\n`);

  expect(await kernel.backend.start(settings)).toBe('adopted');
  kernel.said.length = 0;
  await kernel.backend.configure(peer);

  expect(kernel.said).toEqual([
    'wg show culvert0 dump',
    `wg syncconf culvert0 /dev/stdin < [Interface]
PrivateKey = SECRET=
FwMark = 0x43000000
[Peer]
PublicKey = GATEWAY=
Endpoint = 203.0.113.7:51820
PersistentKeepalive = 25
AllowedIPs = 100.96.0.0/16
AllowedIPs = 10.0.0.0/8`,
  ]);
  await kernel.backend.stop();
});

test('a peer that is wanted fresh is taken out first', async () => {
  const kernel = new FakeKernel(`${interfaceLine}\n${peerLine}\n`);
  await kernel.backend.start(settings);
  kernel.said.length = 0;

  await kernel.backend.configure({ ...peer, isFresh: true });

  expect(kernel.said[1]).toBe('wg set culvert0 peer GATEWAY= remove');
  await kernel.backend.stop();
});

test('a handshake is looked for after its peer was set, and told once', async () => {
  const kernel = new FakeKernel(`${interfaceLine}\n${peerLine.replace('1700000000', '0')}\n`);
  await kernel.backend.start(settings);
  let told = 0;
  kernel.backend.onHandshake(() => told++);

  await kernel.backend.configure({ ...peer, isFresh: true });
  expect(told).toBe(0);
  kernel.dump = `${interfaceLine}\n${peerLine}\n`;

  await expect.poll(() => told).toBe(1);
  await kernel.backend.stop();
});

test('the dump tells keys, endpoint, handshake in milliseconds and bytes', () => {
  expect(parseDump(`${interfaceLine}\n${peerLine}\n`)).toEqual({
    publicKey: 'PUBLIC=',
    peers: [
      {
        publicKey: 'GATEWAY=',
        endpoint: '203.0.113.7:4500',
        lastHandshakeAt: 1_700_000_000_000,
        rxBytes: 9,
        txBytes: 7,
      },
    ],
  });
  expect(parseDump('(none)\t(none)\t0\toff\n')).toEqual({ publicKey: null, peers: [] });
});

test('a kernel without WireGuard is one sentence', async () => {
  const kernel = new FakeKernel(null, 'Error: Unknown device type.');

  await expect(kernel.backend.start(settings)).rejects.toMatchObject({
    code: 'engine-failed',
    detail: { reason: 'Error: Unknown device type.' },
  });
});

class FakeKernel {
  readonly said: string[] = [];
  readonly backend: KernelBackend;
  dump: string | null;

  constructor(dump: string | null, refusal?: string) {
    this.dump = dump;
    const run: Run = async (program, argv, input) => {
      this.said.push([program, ...argv, ...(input ? ['<', input.trim()] : [])].join(' '));
      if (argv[0] === 'show')
        return { status: this.dump === null ? 1 : 0, stdout: this.dump ?? '', stderr: '' };
      return { status: refusal ? 2 : 0, stdout: '', stderr: refusal ?? '' };
    };
    this.backend = new KernelBackend('culvert0', run);
  }
}
