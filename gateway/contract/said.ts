/**
 * What the gateway tells a person: which sentence (`sentences/en.ts`) and what fills its blanks. It is worded at the edge, in the
 * reader's language, so nothing here is a sentence yet.
 */
import { z } from 'zod';
import { en, type SaidCode } from './sentences/en.ts';
import { fillBlanks, type Language } from './sentences/fill-blanks.ts';
import { ja } from './sentences/ja.ts';

/** A list of which only the first ones are shown. */
const Several = z.object({ shown: z.array(z.string()), more: z.number().int() });
const Filling = z.union([z.string(), z.number(), Several]);
type Filling = z.infer<typeof Filling>;

export const Said = z.object({
  code: z.enum(Object.keys(en) as [SaidCode, ...SaidCode[]]),
  detail: z.record(z.string(), Filling),
});
export interface Said {
  code: SaidCode;
  detail: Record<string, Filling>;
}

type Blank<Sentence extends string> = Sentence extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Blank<Rest>
  : never;
type Detail<Code extends SaidCode> = Record<Blank<(typeof en)[Code]>, Filling>;
/** A sentence without blanks is said by its code alone. */
type Details<Code extends SaidCode> = [Blank<(typeof en)[Code]>] extends [never]
  ? []
  : [detail: Detail<Code>];

export function said<Code extends SaidCode>(code: Code, ...[detail]: Details<Code>): Said {
  return { code, detail: detail ?? {} };
}

const SHOWN = 3;

/** Enough to recognise what is meant. */
export function several(all: readonly string[]): Filling {
  return { shown: all.slice(0, SHOWN), more: Math.max(0, all.length - SHOWN) };
}

export function sentenceOf({ code, detail }: Said, language: Language = 'en'): string {
  return fillBlanks({ en, ja }[language][code], language, (name) => {
    const filling = detail[name];
    return filling === undefined ? undefined : textOf(filling, language);
  });
}

function textOf(filling: Filling, language: Language): string {
  if (typeof filling !== 'object') return String(filling);
  const { shown, more } = filling;
  const text = shown.join(language === 'ja' ? '、' : ', ');
  if (more === 0) return text;
  return language === 'ja' ? `${text} ほか ${more} 件` : `${text} and ${more} more`;
}

export function isSaidCode(code: string): code is SaidCode {
  return Object.hasOwn(en, code);
}
