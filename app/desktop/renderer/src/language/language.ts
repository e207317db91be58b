import { createContext, useContext, useEffect, useState } from 'react';
import type { Problem } from '../../../../contract/local-api.ts';
import { say } from '../../../../contract/sentences/say.ts';
import { type Words, words } from './words.ts';

export interface Reader {
  language: 'en' | 'ja';
  /** Unix ms; what is told relative to it moves with it. */
  now: number;
}

export const ReaderContext = createContext<Reader>({ language: 'en', now: 0 });

export interface Speech {
  language: 'en' | 'ja';
  text: Words;
  now: number;
  /** The sentence of a problem, with moments told from now. */
  say: (problem: Problem) => string;
  /** A moment from now: "in 3 hours". */
  when: (at: number) => string;
  /** The same moment to the minute, for those who point at it. */
  exactly: (at: number) => string;
}

export function useSpeech(): Speech {
  const { language, now } = useContext(ReaderContext);
  return {
    language,
    now,
    text: words[language],
    say: (problem) => say(problem, language, now),
    when: (at) => fromNow(at, now, language),
    exactly: (at) =>
      new Intl.DateTimeFormat(language === 'ja' ? 'ja-JP' : 'en-GB', {
        dateStyle: 'medium',
        timeStyle: 'short',
      }).format(at),
  };
}

const TICK_MS = 1_000;

/** Draws again each second, while somebody can see the window. */
export function useTick(): void {
  const [, setTicks] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setTicks((ticks) => ticks + 1), TICK_MS);
    return () => clearInterval(timer);
  }, []);
}

function fromNow(at: number, now: number, language: string): string {
  const seconds = Math.round((at - now) / 1000);
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  if (Math.abs(seconds) >= 5400) return format.format(Math.round(seconds / 3600), 'hour');
  if (Math.abs(seconds) >= 60) return format.format(Math.round(seconds / 60), 'minute');
  return format.format(seconds, 'second');
}
