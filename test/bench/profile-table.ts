/** What a profile has found: numbers for whoever keeps them, and the one way in which they are printed. */
import Table from 'cli-table3';
import { show } from './report.ts';
import type { Share } from './samples.ts';

export interface Profile {
  /** Under which load, and what the figures are. */
  about: string;
  /** Of the path as a whole. */
  facts: (Form & { what: string; value: number })[];
  /** Engines or loads; or, where a row is an engine, what is known of it. */
  columns: (Form & { title: string })[];
  rows: Row[];
}

export interface Form {
  unit: string;
  digits: number;
}

export interface Row {
  what: string;
  /** One for each column; NaN where there is none. */
  values: number[];
  /** Where the time is sampled: for each column the function that has most of it. */
  mostly?: string[];
}

export function profileText({ about, facts, columns, rows }: Profile): string {
  const known = facts.length === 0 ? [] : [`  ${facts.map(factText).join(', ')}`];
  const isSampled = rows.some(({ mostly }) => mostly !== undefined);
  const table = new Table({
    head: ['', ...columns.map(({ title }) => title), ...(isSampled ? ['most of it'] : [])],
    colAligns: ['left', ...columns.map(() => 'right' as const), 'left'],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    chars: bare,
  });
  for (const { what, values, mostly } of rows.filter(isSeen(columns)))
    table.push([
      what,
      ...columns.map(({ unit, digits }, nth) =>
        show(values[nth] ?? Number.NaN, digits, behind(unit)),
      ),
      ...(isSampled ? [shortNames(mostly ?? [])] : []),
    ]);
  const lines = table.toString().split('\n');
  return [about, ...known, ...lines.map((line) => line.trimEnd())].join('\n');
}

function factText({ what, value, unit, digits }: Profile['facts'][number]): string {
  return `${what} ${show(value, digits, behind(unit))}`;
}

/** Nothing but two spaces between columns: many tables stand below one another. */
const bare = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '  ', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '' },
  middle: '  ',
};

/** What was sampled, but comes to 0 in every column as it is printed, is left out. */
function isSeen(columns: readonly Form[]) {
  return ({ values, mostly }: Row) =>
    mostly === undefined ||
    values.some((value, nth) => value >= 0.5 / 10 ** (columns[nth]?.digits ?? 0));
}

function behind(unit: string): string {
  return unit === '' ? '' : ` ${unit}`;
}

/** A row for each group, the largest first; `scales`: what a percent is in each column, 1 unless told. */
export function rowsOfShares(columns: readonly Share[][], scales: readonly number[] = []): Row[] {
  const groups = [...new Set(columns.flatMap((shares) => shares.map(({ group }) => group)))];
  const rows = groups.map((group) => {
    const found = columns.map((shares) => shares.find((share) => share.group === group));
    return {
      what: group,
      values: found.map((share, nth) => (share?.percent ?? 0) * (scales[nth] ?? 1)),
      mostly: found.map((share) => share?.largest.symbol ?? ''),
    };
  });
  return rows.sort((one, other) => Math.max(...other.values) - Math.max(...one.values));
}

/** Each once, with the last of their paths: `a::b::<impl a::b::C>::d` is `C::d`. */
function shortNames(symbols: readonly string[]): string {
  return [...new Set(symbols.filter((symbol) => symbol !== '').map(shortName))].join(', ');
}

export function shortName(symbol: string): string {
  const bare = symbol.replace(/(?:\.[a-z]+)+\.\d+$/, '').replaceAll(/(\w)<[^<>]*>/g, '$1');
  const path = bare.replaceAll(/<impl (?:.* for )?| as [\w:]+|[<>]/g, '');
  return path.split('::').slice(-2).join('::');
}
