/** How a reader sees things: language, time, colour. Everything printed is made from these, so tests can say what they are. */
import { createColors } from 'picocolors';
import type { Problem } from '../contract/local-api.ts';
import { type Language, say } from '../contract/sentences/say.ts';
import { COMMAND_SENTENCES } from './command-sentences.ts';

export type Colors = ReturnType<typeof createColors>;

export interface View {
  language: Language;
  now: number;
  colors: Colors;
  hostname: string;
}

export function sentence(problem: Problem, view: View): string {
  return say(problem, view.language, view.now, COMMAND_SENTENCES);
}

/** POSIX: LC_ALL beats LC_MESSAGES beats LANG. */
export function languageOf(environment: NodeJS.ProcessEnv): Language {
  const locale = environment.LC_ALL || environment.LC_MESSAGES || environment.LANG || '';
  return locale.toLowerCase().startsWith('ja') ? 'ja' : 'en';
}

export function colorsFor(isTerminal: boolean, environment: NodeJS.ProcessEnv): Colors {
  const isWanted = isTerminal && !environment.NO_COLOR && environment.TERM !== 'dumb';
  return createColors(isWanted);
}

/** A time of day where that says enough, else with its date. */
export function clockTime(at: number, view: View): string {
  const isNear = Math.abs(at - view.now) < 20 * 3_600_000;
  const date = isNear ? {} : ({ day: 'numeric', month: 'short' } as const);
  const locale = view.language === 'ja' ? 'ja-JP' : 'en-GB';
  return new Intl.DateTimeFormat(locale, { ...date, hour: '2-digit', minute: '2-digit' }).format(
    at,
  );
}

/** Columns as wide as a terminal shows them: Japanese letters take two cells. */
export function padCells(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - cellsOf(text)));
}

export function cellsOf(text: string): number {
  let cells = 0;
  for (const letter of text)
    cells +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u.test(
        letter,
      )
        ? 2
        : 1;
  return cells;
}

export function widest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(cellsOf));
}
