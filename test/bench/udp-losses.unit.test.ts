import { expect, test } from 'vitest';
import { readDrops, since } from './udp-losses.ts';

const dev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    1000      10    0    1    0     0          0         0     1000      10    0    2    0     0       0          0
  wg0: 5000000    4000    0    3    0     0          0         0  9000000    7000    0   45    0     0       0          0
wg01: 1 1 0 7 0 0 0 0 1 1 0 8 0 0 0 0
`;
const udp = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  414: 00000000:CA6C 00000000:0000 07 00000000:00010000 00:00000000 00000000     0        0 4011 2 00000000a1b2c3d4 30
  415: 0100007F:1451 0200007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4013 2 00000000a1b2c3d6 5
  414: 00000000:CA6C 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4012 2 00000000a1b2c3d5 7
`;
const snmp = `Tcp: RtoAlgorithm RtoMin
Tcp: 1 200
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
Udp: 4000 1 50 7000 49 0 1 0 0
UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
UdpLite: 0 0 0 0 0 0 0 0 0
`;

test('drops are told apart by where they happened', () => {
  const drops = readDrops({ dev, udp, snmp }, { device: 'wg0', port: 51_820 });

  expect(drops).toEqual({ interface: 45, engineSocket: 37, otherSockets: 12 });
  expect(since(drops, { interface: 40, engineSocket: 30, otherSockets: 12 })).toEqual({
    interface: 5,
    engineSocket: 7,
    otherSockets: 0,
  });
});

test('a host without that interface has dropped nothing there', () => {
  const drops = readDrops({ dev: '', udp: '', snmp: '' }, { device: 'wg0', port: 51_820 });

  expect(drops).toEqual({ interface: 0, engineSocket: 0, otherSockets: 0 });
});
