/**
 * What a test may conclude from a capture in which something is not: a tcpdump that is held up all the while.
 *
 *   left .2 ── lan 10.1.0.0/24 ── right .3
 *               capture
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Capture } from '../world/capture.ts';
import { Lab } from './lab.ts';
import type { HostSpec } from './topology.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.build({
    segments: ['lan'],
    hosts: { left: hostAt('10.1.0.2/24'), right: hostAt('10.1.0.3/24') },
  });
});
afterAll(async () => {
  await lab?.stop();
});

test('what passed by before the end is in it, though tcpdump had not read any of it then', async () => {
  await using capture = await Capture.on(lab, 'lan');
  await hold('STOP');
  await ping(500, 40);

  const stopped = capture.stop();
  await pause(500);
  await hold('CONT');
  await stopped;

  expect(await capture.packets('icmp[0] = 8')).toHaveLength(500);
  expect(await capture.packets('icmp[0] = 0')).toHaveLength(500);
});

test('a capture that lost frames is no evidence: its end says so', async () => {
  await using capture = await Capture.on(lab, 'lan');
  await hold('STOP');
  await ping(6_000, 10_000);

  const stopped = expect(capture.stop()).rejects.toThrow(/no room for \d+ frames/);
  await hold('CONT');

  await stopped;
  await expect(capture.packets('icmp')).rejects.toThrow(/is not whole/);
});

test('a question before the end has no answer: what is not written yet would look like nothing', async () => {
  await using capture = await Capture.on(lab, 'lan');
  await lab.host('left').run(['ping', '-c', '1', '10.1.0.3']);

  await expect(capture.packets('icmp')).rejects.toThrow(/is not whole/);
  await expect(capture.holds('')).rejects.toThrow(/is not whole/);
});

test('a tcpdump that died is no evidence either', async () => {
  await using capture = await Capture.on(lab, 'lan');

  await hold('KILL');

  await expect(capture.stop()).rejects.toThrow(/ended before it/);
});

test('the filter of a capture holds for every question', async () => {
  await using capture = await Capture.on(lab, 'lan', 'icmp[0] = 8');
  await lab.host('left').run(['ping', '-c', '3', '-i', '0.01', '-p', '43756c76', '10.1.0.3']);
  await capture.stop();

  expect(await capture.packets('')).toHaveLength(3);
  expect(await capture.packets('src host 10.1.0.3')).toEqual([]);
  expect(await capture.holds('CulvCulv')).toBe(true);
  expect(await capture.holds('no such word')).toBe(false);
});

async function hold(signal: 'STOP' | 'CONT' | 'KILL'): Promise<void> {
  await lab.fabric.run(['pkill', `-${signal}`, '-x', 'tcpdump']);
}

/** As quickly as they are answered. */
async function ping(count: number, bytes: number): Promise<void> {
  const argv = ['ping', '-q', '-f', '-c', String(count), '-s', String(bytes), '10.1.0.3'];
  await lab.host('left').run(argv);
}

function hostAt(address: string): HostSpec {
  return { holds: 'bare', links: [{ name: 'eth0', segment: 'lan', addresses: [address] }] };
}
