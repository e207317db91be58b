/** A moment: relative, with the exact one on hover. */
import { Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { localeOf } from '../language/language.ts';

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

export function When({ at }: { at: number | null }) {
  const { t, i18n } = useTranslation();
  if (at === null)
    return (
      <Text span inherit>
        {t('common.never')}
      </Text>
    );
  const exact = new Date(at);
  return (
    <time dateTime={exact.toISOString()} title={exact.toLocaleString(localeOf(i18n.language))}>
      {relative(at, Date.now(), i18n.language)}
    </time>
  );
}

export function relative(at: number, now: number, language: string): string {
  const seconds = Math.round((at - now) / 1000);
  const [unit, size] = steps.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(
    Math.trunc(seconds / size),
    unit,
  );
}
