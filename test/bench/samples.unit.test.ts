import { expect, test } from 'vitest';
import { readSamples, shares } from './samples.ts';

const report = `
# Overhead  Symbol
    21.09%  [k] _copy_from_iter
    13.82%  [.] culvert_aead::avx512::chacha20::sixteen_blocks
     5.41%  [k] finish_task_switch.isra.0
     4.47%  [.] culvert_tun::checksum::Sum::bytes
     2.00%  [.] blake2::Blake2sVarCore::compress
     0.90%  [.] culvert_core::mac::compress
     1.00%  [.] culvert_core::tunnel::receiving::<impl culvert_core::tunnel::Tunnel>::receive_run
     0.75%  [.] <culvert_switch::tracking::Tracking>::carry_out
     0.70%  [.] <smoltcp::socket::tcp::Socket>::process
     0.60%  [.] culvert_engine::gateway::lane::Lane::carry
     0.50%  [k] tun_get_user
     0.25%  [k] _copy_to_iter
`;

test('samples are gathered by what they are for, the largest first', () => {
  const groups = shares(readSamples(report)).map(({ group, percent }) => ({ group, percent }));

  expect(groups).toEqual([
    { group: 'copies between kernel and engine', percent: 21.34 },
    { group: 'AEAD of data', percent: 13.82 },
    { group: 'wake-ups and switches', percent: 5.41 },
    { group: 'checksums', percent: 4.47 },
    { group: 'handshakes, macs, cookies', percent: 2.9 },
    { group: 'the tunnel: sessions, peers, timers', percent: 1 },
    { group: 'the switch: flows, ranges, rules', percent: 0.75 },
    { group: 'the NAT: flows and their sockets', percent: 0.7 },
    { group: 'the engine, everything else', percent: 0.6 },
    { group: 'kernel, UDP, IP, TUN, system calls', percent: 0.5 },
  ]);
});

test('each group names what most of it is', () => {
  const [copies, cipher] = shares(readSamples(report).toReversed());

  expect(copies?.largest.symbol).toBe('_copy_from_iter');
  expect(cipher?.largest.percent).toBe(13.82);
});

test('what is no sample is passed over', () => {
  expect(readSamples('# Total Lost Samples: 0\n\nPercent  Symbol\n')).toEqual([]);
});
