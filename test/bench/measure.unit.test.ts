import { expect, test } from 'vitest';
import { readRoundTrips, readUdpReport } from './measure.ts';

test('round trips are read from what ping says, and sorted', () => {
  const said = `PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data.
64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.312 ms
64 bytes from 10.0.0.1: icmp_seq=2 ttl=64 time=12 ms
64 bytes from 10.0.0.1: icmp_seq=3 ttl=64 time=0.101 ms

--- 10.0.0.1 ping statistics ---
4 packets transmitted, 3 received, 25% packet loss, time 30ms
rtt min/avg/max/mdev = 0.101/4.137/12.000/0.1 ms`;
  expect(readRoundTrips(said)).toEqual([0.101, 0.312, 12]);
  expect(readRoundTrips('')).toEqual([]);
});

test('what iperf3 says of UDP becomes a share that was lost', () => {
  const report = { end: { sum: { bits_per_second: 100e6, lost_packets: 10, packets: 1000 } } };
  expect(readUdpReport(report)).toEqual({
    sentMbit: 100,
    deliveredMbit: 99,
    lost: 0.01,
    packets: 1000,
  });
});

test('when nothing arrived at all, everything was lost', () => {
  const report = { end: { sum: { bits_per_second: 0, lost_packets: 0, packets: 0 } } };
  expect(readUdpReport(report).lost).toBe(1);
});
