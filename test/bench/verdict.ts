/** Results held against targets, and the places where another engine is better. */
import type { Experiment, Result } from './figures.ts';
import { median } from './statistics.ts';
import type { Bound, Limit, Target } from './targets.ts';

export type Outcome =
  | { kind: 'met' }
  /** `by`: as a share of the target, so 0.25 is a quarter short of it or a quarter over it. */
  | { kind: 'missed'; by: number }
  | { kind: 'not measured' };

export interface Verdict {
  target: Target;
  ours: number;
  /** What it is held against. */
  against?: { name: string; value: number };
  /** Ours through theirs; for a fixed bound there is none. */
  ratio?: number;
  outcome: Outcome;
  /** The same for what is hoped for beyond the target. */
  goal?: Outcome;
}

export interface Engines {
  isOurs(name: string): boolean;
}

const OURS = 'culvert';

export function judge(
  target: Target,
  results: readonly Result[],
  experiment: Experiment,
  engines: Engines,
): Verdict {
  const ours = medianOf(results, target.experiment, target.ours ?? OURS, target.figure);
  const { bound } = target;
  if (bound.than === 'figure') return { target, ours, outcome: held(ours, bound) };
  const against = opponent(target, bound, results, experiment, engines);
  if (!against) return { target, ours, outcome: { kind: 'not measured' } };
  const ratio = ours / against.value;
  const goal = target.goal === undefined ? {} : { goal: held(ratio, beyond(bound, target.goal)) };
  return { target, ours, against, ratio, outcome: held(ratio, bound), ...goal };
}

/** In the direction of the bound. */
function beyond(bound: Bound, goal: number): Limit {
  return 'atLeast' in bound ? { atLeast: goal } : { atMost: goal };
}

function held(value: number, bound: Limit): Outcome {
  if (Number.isNaN(value)) return { kind: 'not measured' };
  if ('atLeast' in bound)
    return value >= bound.atLeast
      ? { kind: 'met' }
      : { kind: 'missed', by: 1 - value / bound.atLeast };
  return value <= bound.atMost ? { kind: 'met' } : { kind: 'missed', by: value / bound.atMost - 1 };
}

function opponent(
  target: Target,
  bound: Exclude<Bound, { than: 'figure' }>,
  results: readonly Result[],
  experiment: Experiment,
  engines: Engines,
): Verdict['against'] {
  const of = (name: string, figure: string) => {
    const value = medianOf(results, target.experiment, name, figure);
    return Number.isNaN(value) ? undefined : { name, value };
  };
  if (bound.than === 'peer') return of(bound.peer, target.figure);
  if (bound.than === 'own') {
    const own = of(target.ours ?? OURS, bound.figure);
    return own && { ...own, name: titleOf(experiment, bound.figure) };
  }
  return best(results, experiment, target.figure, engines);
}

function titleOf(experiment: Experiment, figure: string): string {
  return experiment.columns.find((column) => column.key === figure)?.title ?? figure;
}

/** The best of the others, whichever way is better for that figure. */
export function best(
  results: readonly Result[],
  experiment: Experiment,
  figure: string,
  engines: Engines,
): { name: string; value: number } | undefined {
  const column = experiment.columns.find(({ key }) => key === figure);
  const sign = column?.better === 'less' ? 1 : -1;
  return names(results, experiment.id)
    .filter((name) => !engines.isOurs(name))
    .map((name) => ({ name, value: medianOf(results, experiment.id, name, figure) }))
    .filter(({ value }) => !Number.isNaN(value))
    .sort((a, b) => sign * (a.value - b.value))[0];
}

export interface Loss {
  experiment: Experiment;
  figure: string;
  ours: { name: string; value: number };
  best: { name: string; value: number };
}

/** Every figure in which one of the others is better than one of ours. */
export function losses(
  results: readonly Result[],
  experiments: readonly Experiment[],
  engines: Engines,
): Loss[] {
  return experiments.flatMap((experiment) => {
    const own = names(results, experiment.id).filter((name) => engines.isOurs(name));
    return experiment.columns.flatMap((column) => {
      const rival = best(results, experiment, column.key, engines);
      if (!rival) return [];
      return own
        .map((name) => ({ name, value: medianOf(results, experiment.id, name, column.key) }))
        .filter(({ value }) =>
          column.better === 'more' ? value < rival.value : value > rival.value,
        )
        .map((ours) => ({ experiment, figure: column.key, ours, best: rival }));
    });
  });
}

/** NaN when it has no such figure. */
export function medianOf(
  results: readonly Result[],
  experiment: string,
  contender: string,
  figure: string,
): number {
  return median(
    results
      .filter((result) => result.experiment === experiment && result.contender === contender)
      .map((result) => result.figures[figure])
      .filter((value): value is number => value !== undefined && !Number.isNaN(value)),
  );
}

/** The median of the ratios within each round in which both have that figure. */
export function pairedRatio(
  results: readonly Result[],
  experiment: string,
  [one, other]: [string, string],
  figure: string,
): number {
  const of = (name: string, round: number) =>
    results.find(
      (result) =>
        result.experiment === experiment && result.contender === name && result.round === round,
    )?.figures[figure];
  const rounds = [...new Set(results.map(({ round }) => round))];
  const ratios = rounds.map(
    (round) => (of(one, round) ?? Number.NaN) / (of(other, round) ?? Number.NaN),
  );
  return median(ratios.filter((ratio) => !Number.isNaN(ratio)));
}

/** Who has results there, in the order of their first. */
export function names(results: readonly Result[], experiment: string): string[] {
  const own = results.filter((result) => result.experiment === experiment);
  return [...new Set(own.map((result) => result.contender))];
}
