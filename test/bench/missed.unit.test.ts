import { expect, test } from 'vitest';
import { missedText, type Taken, takeProfiles, wantedProfiles } from './missed.ts';
import type { Profile } from './profile-table.ts';
import type { ProfileKind } from './profiles.ts';
import type { Outcome, Verdict } from './verdict.ts';

const missed: Outcome = { kind: 'missed', by: 0.1 };
const verdict = (what: string, outcome: Outcome, ...profiles: string[]): Verdict => ({
  target: {
    what,
    experiment: 'T1',
    figure: 'x',
    unit: 's',
    bound: { than: 'figure', atMost: 1 },
    profiles,
  },
  ours: 1,
  outcome,
});
const found: Profile = {
  about: 'Under load',
  facts: [],
  columns: [{ title: 'hub', unit: '%', digits: 0 }],
  rows: [{ what: 'copies', values: [42] }],
};
const kind = (take: ProfileKind['take'], ...needs: string[]): ProfileKind => ({
  needs: needs.map((program) => ({ program, debianPackage: `debian-${program}` })),
  take,
});

test('each profile is wanted once, for every target that was missed', () => {
  const verdicts = [
    verdict('fast', missed, 'T1'),
    verdict('fast', missed, 'T1'),
    verdict('small', { kind: 'met' }, 'memory'),
    verdict('even', { kind: 'not measured' }, 'UDP'),
    verdict('cheap', missed, 'T2', 'T1'),
  ];

  expect(wantedProfiles(verdicts)).toEqual([
    { profile: 'T1', targets: ['fast', 'cheap'] },
    { profile: 'T2', targets: ['cheap'] },
  ]);
});

test('a profile that fails, or lacks its program, is told in a line and the others are taken', async () => {
  const known = {
    fails: kind(() =>
      Promise.reject(new Error('perf: exit code 255\n\nnot allowed\n--- hub/culvert\nmore')),
    ),
    lacks: kind(() => Promise.resolve(found), 'no-such-program'),
    works: kind(() => Promise.resolve(found)),
  };
  const wanted = Object.keys(known).map((profile) => ({ profile, targets: ['fast'] }));
  const taken: Taken[] = [];
  const said: string[] = [];

  const add = (one: Taken) => taken.push(one);
  await takeProfiles(wanted, add, (sentence) => said.push(sentence), known);

  expect(said).toEqual(['profile 1 of 3, fails', 'profile 2 of 3, lacks', 'profile 3 of 3, works']);
  expect(missedText([], taken)).toBe(`Where the time goes of what was missed

fails, for: fast
  It could not be taken: perf: exit code 255 not allowed

lacks, for: fast
  no-such-program does not run here. On Debian: apt-get install debian-no-such-program
  Then: node test/bench/profile.ts lacks

works, for: fast
Under load
           hub
  copies  42 %`);
});

test('what no profile tells of is named, and nothing is said when nothing was missed', () => {
  const none = 'Where the time goes of what was missed\n\nNo profile tells of: memory';

  expect(missedText([verdict('memory', missed)], [])).toBe(none);
  expect(missedText([verdict('fast', { kind: 'met' })], [])).toBe('');
});
