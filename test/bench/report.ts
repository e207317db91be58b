/** Results as people read them: a table for each measurement, what every target came to, and where we lose. */
import Table from 'cli-table3';
import type { Column, Experiment, Result } from './figures.ts';
import { type Limit, targets } from './targets.ts';
import {
  type Engines,
  judge,
  losses,
  medianOf,
  names,
  pairedRatio,
  type Verdict,
} from './verdict.ts';

export interface Report {
  experiments: Experiment[];
  results: Result[];
  engines: Engines;
  /** Why a measurement has no figures, by its id. */
  absent: Record<string, string>;
}

export function reportText(report: Report): string {
  const tables = report.experiments.map((experiment) => tableOf(report, experiment));
  return [...tables, verdictTable(report), lossText(report)].join('\n\n');
}

/** Targets of what was asked for. */
export function verdictsOf({ experiments, results, engines }: Report): Verdict[] {
  return targets.flatMap((target) => {
    const experiment = experiments.find(({ id }) => id === target.experiment);
    return experiment ? [judge(target, results, experiment, engines)] : [];
  });
}

function tableOf({ results, engines, absent }: Report, experiment: Experiment): string {
  const all = names(results, experiment.id);
  if (all.length === 0)
    return `${experiment.title}\n  not measured: ${absent[experiment.id] ?? 'no engine came through'}`;
  const table = plainTable(['median', ...experiment.columns.map((column) => column.title)]);
  const of = (name: string, column: Column) => medianOf(results, experiment.id, name, column.key);
  for (const name of all)
    table.push([
      name,
      ...experiment.columns.map((column) => show(of(name, column), column.digits)),
    ]);
  const [ours] = all.filter((name) => engines.isOurs(name));
  for (const name of ours === undefined ? [] : all.filter((one) => one !== ours)) {
    // Two of ours are alike, so that what changes from round to round is larger than what they differ by.
    const isPaired = engines.isOurs(name);
    const ratios = experiment.columns.map((column) => {
      const ratio = isPaired
        ? pairedRatio(results, experiment.id, [ours as string, name], column.key)
        : of(ours as string, column) / of(name, column);
      return show(ratio, 2, ' ×');
    });
    table.push([`${ours} ÷ ${name}${isPaired ? ', by rounds' : ''}`, ...ratios]);
  }
  return `${experiment.title}\n${table.toString()}`;
}

function verdictTable(report: Report): string {
  const table = plainTable(['target', '', 'ours', 'held against', 'ratio', 'verdict']);
  const verdicts = verdictsOf(report);
  for (const verdict of verdicts)
    table.push([
      verdict.target.what,
      boundText(verdict),
      amount(verdict.ours, verdict.target.unit),
      verdict.against
        ? `${amount(verdict.against.value, verdict.target.unit)}  ${verdict.against.name}`
        : '',
      verdict.ratio === undefined ? '' : show(verdict.ratio, 2, ' ×'),
      outcomeText(verdict, report.absent),
    ]);
  const met = verdicts.filter(({ outcome }) => outcome.kind === 'met').length;
  const missed = verdicts.filter(({ outcome }) => outcome.kind === 'missed').length;
  return `Targets: ${met} met, ${missed} missed, ${verdicts.length - met - missed} not measured\n${table.toString()}`;
}

function boundText({ target: { bound, unit, goal } }: Verdict): string {
  const than = { best: '× the best', peer: '× wireguard-go', own: '×', figure: unit }[bound.than];
  const beyond = goal === undefined ? '' : `; goal ${goal.toFixed(1)}`;
  const limit = 'atLeast' in bound ? `≥ ${bound.atLeast}` : `≤ ${bound.atMost}`;
  return `${limit} ${than}${beyond}`;
}

export function outcomeText(verdict: Verdict, absent: Record<string, string> = {}): string {
  const { outcome, target } = verdict;
  if (outcome.kind === 'not measured') {
    const why = absent[target.experiment];
    return why === undefined ? 'not measured' : `not measured: ${why}`;
  }
  const own =
    outcome.kind === 'met' ? 'met' : `missed: ${percentOf(outcome.by)} ${direction(target.bound)}`;
  return `${own}${goalText(verdict)}`;
}

function goalText({ goal, target }: Verdict): string {
  if (goal === undefined || goal.kind === 'not measured') return '';
  const name = `the goal of ${target.goal?.toFixed(1)} ×`;
  return goal.kind === 'met' ? `; so is ${name}` : `; ${name} missed by ${percentOf(goal.by)}`;
}

function percentOf(share: number): string {
  return `${Math.max(1, Math.round(share * 100))} %`;
}

function direction(bound: Limit): string {
  return 'atLeast' in bound ? 'short' : 'over';
}

function lossText({ experiments, results, engines }: Report): string {
  const found = losses(results, experiments, engines);
  if (found.length === 0)
    return 'None of the other engines that took part was better in anything measured.';
  const lines = found.map(({ experiment, figure, ours, best }) => {
    const column = experiment.columns.find(({ key }) => key === figure);
    const digits = column?.digits ?? 2;
    return `  ${experiment.id}, ${column?.title ?? figure}: ${ours.name} ${show(ours.value, digits)}, ${best.name} ${show(best.value, digits)}`;
  });
  return `Where we lose (ours, the best of the others):\n${lines.join('\n')}`;
}

function amount(value: number, unit: string): string {
  return show(value, Math.abs(value) >= 100 ? 0 : 2, ` ${unit}`);
}

export function show(value: number, digits: number, unit = ''): string {
  return Number.isFinite(value) ? `${value.toFixed(digits)}${unit}` : '–';
}

function plainTable(head: string[]) {
  return new Table({ head, style: { head: [], border: [] } });
}
