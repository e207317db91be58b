import { createContext, useContext } from 'react';
import type { Problem } from '../../../../contract/local-api.ts';
import { say } from '../../../../contract/sentences/say.ts';
import { type Words, words } from './words.ts';

export const LanguageContext = createContext<'en' | 'ja'>('en');

export interface Speech {
  language: 'en' | 'ja';
  text: Words;
  /** The sentence of a problem, with moments told from now. */
  say: (problem: Problem) => string;
  /** A moment from now: "in 3 hours". */
  when: (at: number) => string;
}

export function useSpeech(): Speech {
  const language = useContext(LanguageContext);
  return {
    language,
    text: words[language],
    say: (problem) => say(problem, language, Date.now()),
    when: (at) => fromNow(at, language),
  };
}

function fromNow(at: number, language: string): string {
  const seconds = Math.round((at - Date.now()) / 1000);
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  if (Math.abs(seconds) >= 3600) return format.format(Math.round(seconds / 3600), 'hour');
  return Math.abs(seconds) >= 60
    ? format.format(Math.round(seconds / 60), 'minute')
    : format.format(seconds, 'second');
}
