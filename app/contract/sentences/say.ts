/** Turns a problem into the sentence that a person reads. */
import { fillBlanks, type Language } from '../../../gateway/contract/sentences/fill-blanks.ts';
import type { Problem } from '../local-api.ts';
import { en, type ProblemCode } from './en.ts';
import { ja } from './ja.ts';

export type { Language };

const TABLES: Record<Language, Readonly<Record<ProblemCode, string>>> = { en, ja };

/** Sentences that one front end says differently: only the command line names commands. */
export type OwnSentences = Readonly<
  Record<Language, Readonly<Partial<Record<ProblemCode, string>>>>
>;

/** `now` words moments (“14 s ago”); without it a moment is a time of day. */
export function say(
  problem: Problem,
  language: Language = 'en',
  now?: number,
  own: OwnSentences = { en: {}, ja: {} },
): string {
  const { code } = problem;
  const sentence = isProblemCode(code)
    ? (own[language][code] ?? TABLES[language][code])
    : undefined;
  if (sentence === undefined) return sayUnknown(problem);
  return fillBlanks(sentence, language, (name) => {
    const value = problem.detail[name];
    return value === undefined ? undefined : fill(name, value, language, now);
  });
}

export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(en, code);
}

/** A newer daemon may know codes that this program does not; its reason still helps. */
function sayUnknown(problem: Problem): string {
  const detail = Object.entries(problem.detail).map(([name, value]) => `${name}: ${value}`);
  return detail.length === 0 ? problem.code : `${problem.code} (${detail.join(', ')})`;
}

function fill(
  name: string,
  value: string | number,
  language: Language,
  now: number | undefined,
): string {
  if (typeof value === 'number' && name.endsWith('Ms')) return sayDuration(value, language);
  if (typeof value === 'number' && name.endsWith('At')) return sayMoment(value, language, now);
  // A consequence is a sentence of the same table, so that it follows the reader's language.
  if (name === 'consequence' && isProblemCode(String(value)))
    return TABLES[language][String(value) as ProblemCode];
  return plain(String(value));
}

/** Names come from servers: control and text-direction characters must not rearrange a sentence. */
function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, ' ').slice(0, 500);
}

const UNITS: readonly { ms: number; en: string; ja: string }[] = [
  { ms: 86_400_000, en: 'd', ja: '日' },
  { ms: 3_600_000, en: 'h', ja: '時間' },
  { ms: 60_000, en: 'min', ja: '分' },
  { ms: 1_000, en: 's', ja: '秒' },
];

export function sayDuration(ms: number, language: Language = 'en'): string {
  const rounded = Math.max(0, Math.round(ms));
  const unit = UNITS.find((candidate) => rounded >= candidate.ms);
  if (!unit) return language === 'ja' ? `${rounded} ミリ秒` : `${rounded} ms`;
  const count = Math.round(rounded / unit.ms);
  return language === 'ja' ? `${count} ${unit.ja}` : `${count} ${unit.en}`;
}

function sayMoment(at: number, language: Language, now: number | undefined): string {
  if (now === undefined || Math.abs(at - now) >= 86_400_000) return sayDateTime(at, language);
  if (at > now)
    return language === 'ja' ? `${sayDuration(at - now, 'ja')}後` : `in ${sayDuration(at - now)}`;
  return language === 'ja' ? `${sayDuration(now - at, 'ja')}前` : `${sayDuration(now - at)} ago`;
}

function sayDateTime(at: number, language: Language): string {
  const style = { dateStyle: 'medium', timeStyle: 'short' } as const;
  return new Intl.DateTimeFormat(language === 'ja' ? 'ja-JP' : 'en-GB', style).format(at);
}
