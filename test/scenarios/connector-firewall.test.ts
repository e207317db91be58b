/**
 * The second of two walls, alone: the firewall of a connector whose kernel forwards, and packets that its engine would have had
 * to keep (T42; `native/engine/tests/connector_kernel.rs` tries the engine with the same). They come out of the interface all
 * the same, as if the engine had a fault.
 *
 *   culvert-net ── kernel ── lan 192.168.0.10/24, everywhere by way of .1
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { INTERFACE, planKernel, TABLE } from '../../gateway/connector/kernel/plan.ts';
import { sampleConfig } from '../../gateway/connector/sample-config.ts';
import { Namespace } from './network-namespace.ts';

const DEVICE = '100.96.0.7';
const HOST_OF_THE_NETWORK = '192.168.0.20';
/** A range of every address, and these are not targets: only this host or its link has them, or nobody. */
const CLOSED = [
  '127.0.0.1',
  '127.0.0.53',
  '127.255.255.254',
  '127.51.82.53',
  '0.0.0.0',
  '0.1.2.3',
  '169.254.169.254',
  '169.254.170.2',
  '169.254.0.1',
  '100.100.100.200',
  '192.0.0.192',
  '168.63.129.16',
  '224.0.0.1',
  '239.255.255.250',
  '255.255.255.255',
  '240.0.0.1',
];
const PROTOCOLS = ['icmp', 'tcp', 'udp'] as const;
type Protocol = (typeof PROTOCOLS)[number];

let connector: Namespace;
beforeEach(async () => {
  connector = await Namespace.create('firewall');
  await connector.sh(`set -e; ip tuntap add ${INTERFACE} mode tun && ip link set ${INTERFACE} up
    ip link add lan type veth peer name far && ip link set far up && ip addr add 192.168.0.10/24 dev lan && ip link set lan up
    ip route add default via 192.168.0.1 && ip route add 100.96.0.0/16 dev ${INTERFACE}
    cd /proc/sys/net/ipv4/conf && echo 1 > ${INTERFACE}/forwarding && echo 1 > lan/forwarding
    # As open as a kernel can be made: what is on its loopback interface, too.
    echo 1 > all/route_localnet && echo 0 > all/rp_filter && echo 0 > ${INTERFACE}/rp_filter`);
});
afterEach(async () => {
  await connector.remove();
});

test('without its firewall the kernel hands on or takes in most of what is closed', async () => {
  await loadFirewall(['0.0.0.0/0']);
  await connector.sh(`nft delete table ip ${TABLE}`);

  const passed = await passedOf([HOST_OF_THE_NETWORK, ...CLOSED]);

  const dropped = CLOSED.filter((target) => !passed.includes(`${target} udp`));
  expect(dropped).toEqual(['0.0.0.0', '239.255.255.250']);
});

test('with it nothing passes that is closed, by any protocol, though a range has every address', async () => {
  await loadFirewall(['0.0.0.0/0']);

  const passed = await passedOf([HOST_OF_THE_NETWORK, ...CLOSED]);

  expect(passed).toEqual(PROTOCOLS.map((protocol) => `${HOST_OF_THE_NETWORK} ${protocol}`));
});

test('a range of one address opens that address and no other', async () => {
  await loadFirewall(['0.0.0.0/0', '169.254.169.254/32']);

  const passed = await passedOf(CLOSED);

  expect(passed).toEqual(PROTOCOLS.map((protocol) => `169.254.169.254 ${protocol}`));
});

async function loadFirewall(ranges: string[]): Promise<void> {
  const config = sampleConfig({ network: { id: 'net-1', name: 'site', ranges } });
  const { firewall } = planKernel(config, { ports: [8081, 32_767], closedInterfaces: [] });
  const loaded = await connector.run('nft', ['-f', '-'], firewall);
  expect(loaded.stderr).toBe('');
}

/** `ADDRESS PROTOCOL` of those that came past every rule, to be forwarded or to be taken in. */
async function passedOf(targets: readonly string[]): Promise<string[]> {
  const noting = `iifname "${INTERFACE}" add @passed { ip daddr . meta l4proto }`;
  const watch = `table ip watch {
    set passed { type ipv4_addr . inet_proto; flags dynamic; }
    chain forward { type filter hook forward priority filter + 10; ${noting}; }
    chain input { type filter hook input priority filter + 10; ${noting}; }
  }`;
  expect((await connector.run('nft', ['-f', '-'], watch)).stderr).toBe('');
  const packets = targets.flatMap((target) =>
    PROTOCOLS.map((protocol) => packet(protocol, target).toString('hex')),
  );
  await connector.sh(`python3 -c '${WRITER}' ${packets.join(' ')}`);
  const listed = await connector.sh('nft -j list set ip watch passed');
  const { nftables } = JSON.parse(listed) as { nftables: { set?: { elem?: Element[] } }[] };
  const elements = nftables.flatMap(({ set }) => set?.elem ?? []);
  return elements.map(({ concat }) => concat.join(' ')).sort();
}

interface Element {
  concat: [address: string, protocol: Protocol];
}

/** In the engine's place: what it writes comes out of the interface. */
const WRITER = `
import fcntl, os, struct, sys
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH", b"${INTERFACE}", 0x1001))
for packet in sys.argv[1:]: os.write(tun, bytes.fromhex(packet))
`;

/** Sound in every way, so that nothing but its destination is against it. */
function packet(protocol: Protocol, target: string): Buffer {
  const body = BODIES[protocol]();
  const header = Buffer.alloc(20);
  header.set([0x45, 0, 0, 20 + body.length, 0, 1, 0, 0, 64, NUMBERS[protocol]]);
  header.set([...octets(DEVICE), ...octets(target)], 12);
  header.writeUInt16BE(checksum(header), 10);
  const pseudo = Buffer.from([
    ...octets(DEVICE),
    ...octets(target),
    0,
    NUMBERS[protocol],
    0,
    body.length,
  ]);
  const summed = protocol === 'icmp' ? body : Buffer.concat([pseudo, body]);
  body.writeUInt16BE(checksum(summed), CHECKSUM_AT[protocol]);
  return Buffer.concat([header, body]);
}

const NUMBERS = { icmp: 1, tcp: 6, udp: 17 };
const CHECKSUM_AT = { icmp: 2, tcp: 16, udp: 6 };
const BODIES = {
  /** An echo request. */
  icmp: () => Buffer.from([8, 0, 0, 0, 0, 1, 0, 1]),
  /** From port 4000 to port 53. */
  tcp: () => Buffer.from([15, 160, 0, 53, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 255, 255, 0, 0, 0, 0]),
  udp: () => Buffer.from([15, 160, 0, 53, 0, 8, 0, 0]),
};

function octets(address: string): number[] {
  return address.split('.').map(Number);
}

/** RFC 1071, of an even number of bytes. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
