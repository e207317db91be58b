import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { STREAM_PATIENCE_MS, StreamAbsence } from './stream-absence.ts';

const GATEWAY = 'https://gateway.example:8443';
let told: number;
let absence: StreamAbsence;

beforeEach(() => {
  vi.useFakeTimers();
  told = 0;
  absence = new StreamAbsence(() => (told += 1));
});
afterEach(() => vi.useRealTimers());

test('a stream that has just begun to connect, or just failed, is no news', () => {
  absence.began(null);
  vi.advanceTimersByTime(STREAM_PATIENCE_MS - 1);
  absence.began('connect ECONNREFUSED');

  expect([absence.problemOf(GATEWAY), told]).toEqual([null, 0]);
});

test('one that stays away is told once, with the last reason', () => {
  absence.began(null);
  vi.advanceTimersByTime(STREAM_PATIENCE_MS - 1);
  absence.began('connect ECONNREFUSED');
  vi.advanceTimersByTime(1);

  expect(told).toBe(1);
  expect(absence.problemOf(GATEWAY)).toEqual({
    code: 'stream-lost',
    detail: { gateway: 'gateway.example:8443', reason: 'connect ECONNREFUSED' },
  });
});

test('silence is a reason too', () => {
  absence.began(null);
  vi.advanceTimersByTime(STREAM_PATIENCE_MS);

  expect(absence.problemOf(GATEWAY)?.detail.reason).toBe('it has not answered yet');
});

test('one that is back is no news, and has the whole patience the next time', () => {
  absence.began('reset');
  vi.advanceTimersByTime(STREAM_PATIENCE_MS);
  absence.ended();
  absence.began('reset');
  vi.advanceTimersByTime(STREAM_PATIENCE_MS - 1);

  expect([absence.problemOf(GATEWAY), told]).toEqual([null, 1]);
});
