import { expect, test } from 'vitest';
import { waitingBytes } from './profile-queues.ts';

test('what waits in all sockets of a port is summed up, and nothing of others', () => {
  const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  414: 00000000:CA6C 00000000:0000 07 00000000:00010000 00:00000000 00000000     0        0 4011 2 00000000a1b2c3d4 0
  414: 00000000:CA6C 00000000:0000 07 00000000:00000200 00:00000000 00000000     0        0 4012 2 00000000a1b2c3d5 0
  415: 00000000:CA6D 00000000:0000 07 00000000:0000FFFF 00:00000000 00000000     0        0 4013 2 00000000a1b2c3d6 0
`;

  expect(waitingBytes(table, 51_820)).toBe(0x10200);
});
