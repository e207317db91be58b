import { expect, test } from 'vitest';
import { experiments } from './experiments.ts';
import type { Experiment, Result } from './figures.ts';
import { profiles } from './profiles.ts';
import { outcomeText, reportText } from './report.ts';
import { type Target, targets } from './targets.ts';
import { judge, losses, pairedRatio } from './verdict.ts';

const experiment: Experiment = {
  id: 'T1',
  title: 'T1  point to point',
  columns: [
    { key: 'gbit', title: 'Gbit/s', digits: 2, better: 'more' },
    { key: 'ms', title: 'RTT ms', digits: 2, better: 'less' },
  ],
  quickPeers: [],
  run: () => Promise.resolve({}),
};
const engines = { isOurs: (name: string) => name.startsWith('culvert') };

const result = (contender: string, figures: Record<string, number>, round = 1): Result => ({
  experiment: 'T1',
  contender,
  round,
  figures,
});
const target = (figure: string, bound: Target['bound']): Target => ({
  what: 'something',
  experiment: 'T1',
  figure,
  unit: 'x',
  bound,
  profiles: [],
});
const verdict = (results: Result[], figure: string, bound: Target['bound']) =>
  judge(target(figure, bound), results, experiment, engines);

const results = [
  result('culvert', { gbit: 4, ms: 0.3 }, 1),
  result('culvert', { gbit: 9, ms: 0.1 }, 2),
  result('culvert', { gbit: 5, ms: 0.2 }, 3),
  result('slow', { gbit: 1, ms: 0.1 }),
  result('fast', { gbit: 2, ms: 0.4 }),
];

test('medians are held against the best of the others, in the direction that is better', () => {
  const speed = verdict(results, 'gbit', { than: 'best', atLeast: 2 });
  expect(speed).toMatchObject({
    ours: 5,
    against: { name: 'fast', value: 2 },
    ratio: 2.5,
    outcome: { kind: 'met' },
  });
  const latency = verdict(results, 'ms', { than: 'best', atMost: 1 });
  expect(latency.against).toEqual({ name: 'slow', value: 0.1 });
  expect(latency.outcome).toEqual({ kind: 'missed', by: 1 });
  expect(outcomeText(latency)).toBe('missed: 100 % over');
});

test('two of ours are compared within each round', () => {
  const both = [
    ...results,
    result('culvert before', { gbit: 2 }, 1),
    result('culvert before', { gbit: 6, ms: 0.1 }, 2),
    result('culvert before', { gbit: 5 }, 3),
    result('culvert before', { gbit: 1 }, 4),
  ];
  const ratio = (figure: string) => pairedRatio(both, 'T1', ['culvert', 'culvert before'], figure);

  expect(ratio('gbit')).toBe(1.5);
  expect(ratio('ms')).toBe(1);
  expect(ratio('absent')).toBeNaN();
  const report = { experiments: [experiment], results: both, engines, absent: {} };
  expect(reportText(report)).toContain('culvert ÷ culvert before, by rounds │ 1.50 ×');
});

test('one of ours is never the peer that ours is held against', () => {
  const own = [...results, result('culvert, no root', { gbit: 100, ms: 0.01 })];
  expect(verdict(own, 'gbit', { than: 'best', atLeast: 2 }).against?.name).toBe('fast');
});

test('what falls short says by how much of the target', () => {
  const short = verdict(results, 'gbit', { than: 'peer', peer: 'fast', atLeast: 5 });
  expect(short.outcome).toEqual({ kind: 'missed', by: 0.5 });
  expect(outcomeText(short)).toBe('missed: 50 % short');
});

test('a miss too small to see is still a miss', () => {
  const close = verdict(results, 'gbit', { than: 'best', atLeast: 2.5001 });
  expect(outcomeText(close)).toBe('missed: 1 % short');
});

test('a goal beyond the target is told beside it, and changes nothing of the verdict', () => {
  const hoped = (atLeast: number, goal: number) => {
    const bound = { than: 'best', atLeast } as const;
    return outcomeText(judge({ ...target('gbit', bound), goal }, results, experiment, engines));
  };

  expect(hoped(2, 2.5)).toBe('met; so is the goal of 2.5 ×');
  expect(hoped(2, 4)).toBe('met; the goal of 4.0 × missed by 38 %');
  expect(hoped(3, 5)).toBe('missed: 17 % short; the goal of 5.0 × missed by 50 %');
  const alone = judge(
    { ...target('gbit', { than: 'best', atLeast: 1 }), goal: 2 },
    results.slice(0, 3),
    experiment,
    engines,
  );
  expect(outcomeText(alone)).toBe('not measured');
});

test('a fixed bound needs no other engine', () => {
  const alone = results.slice(0, 3);
  expect(verdict(alone, 'ms', { than: 'figure', atMost: 0.2 }).outcome.kind).toBe('met');
  expect(verdict(alone, 'ms', { than: 'figure', atMost: 0.1 }).outcome.kind).toBe('missed');
});

test('a figure of ours can be held against another of ours', () => {
  const grown = [result('culvert', { gbit: 3, ms: 2 })];
  expect(verdict(grown, 'gbit', { than: 'own', figure: 'ms', atLeast: 1.8 })).toMatchObject({
    ratio: 1.5,
    against: { name: 'RTT ms', value: 2 },
    outcome: { kind: 'missed' },
  });
});

test('without figures nothing is met', () => {
  expect(verdict([], 'gbit', { than: 'figure', atMost: 1 }).outcome.kind).toBe('not measured');
  expect(verdict([], 'gbit', { than: 'figure', atLeast: 1 }).outcome.kind).toBe('not measured');
  const alone = results.slice(0, 3);
  expect(verdict(alone, 'gbit', { than: 'best', atLeast: 1 }).outcome.kind).toBe('not measured');
  const absent = [result('culvert', { ms: 1 }), result('fast', { gbit: 2, ms: 1 })];
  expect(verdict(absent, 'gbit', { than: 'best', atLeast: 1 }).outcome.kind).toBe('not measured');
});

test('every place where another engine is better is told', () => {
  expect(losses(results, [experiment], engines)).toMatchObject([
    { figure: 'ms', ours: { name: 'culvert', value: 0.2 }, best: { name: 'slow', value: 0.1 } },
  ]);
});

test('the report says in words where we lose, and why something was not measured', () => {
  const report = { experiments: [experiment], results, engines, absent: {} };
  expect(reportText(report)).toContain('T1, RTT ms: culvert 0.20, slow 0.10');
  const nothing = { ...report, results: [], absent: { T1: 'it takes four hands' } };
  expect(reportText(nothing)).toContain('not measured: it takes four hands');
});

test('every target names a figure that is measured', () => {
  for (const { what, experiment: id, figure, bound } of targets) {
    const columns = experiments.find((one) => one.id === id)?.columns.map(({ key }) => key);
    expect(columns, what).toContain(figure);
    if (bound.than === 'own') expect(columns, what).toContain(bound.figure);
  }
});

test('every profile that a target names can be taken', () => {
  for (const { what, profiles: named } of targets)
    for (const name of named) expect(Object.keys(profiles), what).toContain(name);
});
