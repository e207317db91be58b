import { describe, expect, test } from 'vitest';
import { problem } from '../problem.ts';
import { en } from './en.ts';
import { ja } from './ja.ts';
import { say, sayDuration } from './say.ts';

describe('the two tables', () => {
  test.each(Object.entries(en))('%s has the same blanks in both languages', (code, sentence) => {
    expect(blanks(ja[code as keyof typeof ja])).toEqual(blanks(sentence));
  });

  test('no sentence blames or shrugs', () => {
    const banned = /error occurred|invalid|something went wrong/i;
    expect(Object.values(en).filter((sentence) => banned.test(sentence))).toEqual([]);
  });
});

describe('say', () => {
  test('fills blanks, durations and moments in the reader’s language', () => {
    const lost = problem('path-lost', { lostAt: 1_000_000 });

    expect(say(lost, 'en', 1_004_000)).toBe(
      'The network went away 4 s ago. Private traffic waits for it to come back.',
    );
    expect(say(lost, 'ja', 1_004_000)).toContain('4 秒前');
  });

  test('Japanese has a space beside Latin text only', () => {
    const recent = problem('path-lost', { lostAt: 1_000_000 });
    const dated = problem('session-expired', { expiredAt: Date.UTC(2026, 10, 22, 12) });

    expect(say(recent, 'ja', 1_004_000)).toContain('ネットワークが 4 秒前に途切れました');
    expect(say(dated, 'ja')).toMatch(/セッションは 2026.*\d に終了しました/);
  });

  test('an unknown code from a newer daemon still says what it carries', () => {
    expect(say({ code: 'moon-phase', detail: { phase: 'full' } })).toBe('moon-phase (phase: full)');
    expect(say({ code: 'constructor', detail: {} })).toBe('constructor');
  });

  test('text from a server cannot rearrange the sentence', () => {
    expect(say(problem('because-network', { network: 'a\u202eb\nc' }))).toBe('network a b c');
  });

  test('a value that looks like a blank is not filled again', () => {
    expect(say(problem('because-network', { network: '{network}' }))).toBe('network {network}');
  });

  test('durations take the largest unit that fits', () => {
    expect([9, 14_000, 120_000, 7_200_000, 172_800_000].map((ms) => sayDuration(ms))).toEqual([
      '9 ms',
      '14 s',
      '2 min',
      '2 h',
      '2 d',
    ]);
  });
});

function blanks(sentence: string): string[] {
  return [...sentence.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '').sort();
}
