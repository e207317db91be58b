import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { LocalClient } from './client.ts';

test('whoever follows a daemon that is not there tries on, and leaves nothing at the signal', async () => {
  const client = new LocalClient('/nonexistent/culvertd.sock', () => null);
  const ending = new AbortController();
  const listeners = () => getEventListeners(ending.signal, 'abort').length;
  const told: (string | undefined)[] = [];

  client.follow((_status, problem) => told.push(problem?.code), ending.signal);
  await expect.poll(() => told.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(4);
  const waiting = listeners();
  ending.abort();

  expect(new Set(told)).toEqual(new Set(['daemon-not-running']));
  expect(waiting).toBeLessThanOrEqual(1);
  await expect.poll(listeners).toBe(0);
});
