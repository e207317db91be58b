/** What the gateway tells, and why it refused something, worded in the page's language. */
import { useTranslation } from 'react-i18next';
import { type Said, sentenceOf } from '../../../contract/said.ts';
import { Refused } from '../api/client.ts';

export function useSay(): (says: Said) => string {
  const { i18n } = useTranslation();
  return (says) => sentenceOf(says, i18n.language === 'ja' ? 'ja' : 'en');
}

export function useReason(): (error: Error) => string {
  const { t } = useTranslation();
  const say = useSay();
  return (error) => {
    if (!(error instanceof Refused)) return error.message;
    if (error.says) return say(error.says);
    if (error.code === 'unreachable') return t('shell.unreachableText');
    if (error.code === 'unreadable') return t('shell.unreadable', { status: error.status });
    return t('shell.refusedBecause', { reason: error.message });
  };
}
