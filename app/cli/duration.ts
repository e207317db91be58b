/** Durations as people type them: `15m`, `1h30m`, `90s`, or minutes alone. */
import { InvalidArgumentError } from 'commander';

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600 };
const MOST_SECONDS = 86_400;

/** In seconds. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/([0-9]{1,5})([smh])/g)];
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join('') === text;
  const seconds = isWhole
    ? parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0)
    : /^[0-9]{1,4}$/.test(text)
      ? Number(text) * 60
      : 0;
  if (seconds >= 1 && seconds <= MOST_SECONDS) return seconds;
  throw new InvalidArgumentError('It has to be a time like 15m or 1h30m, a day at most.');
}
