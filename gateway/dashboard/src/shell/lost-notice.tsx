/** Says that what is shown may be old, as long as the gateway is not heard of. */
import { Alert, Box } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { localeOf } from '../language/language.ts';

/** A connection that is back at once is nobody's concern. */
const PATIENCE_MS = 1_500;

export function LostNotice({ lostAt }: { lostAt: number | undefined }) {
  const { t, i18n } = useTranslation();
  const isShown = useIsPast(lostAt, PATIENCE_MS);
  return (
    <Box role="status">
      {isShown && lostAt !== undefined && (
        <Alert color="orange" mb="lg" p="sm">
          {t('shell.lost', { time: new Date(lostAt).toLocaleTimeString(localeOf(i18n.language)) })}
        </Alert>
      )}
    </Box>
  );
}

function useIsPast(since: number | undefined, patienceMs: number): boolean {
  const [pastFor, setPastFor] = useState<number>();
  useEffect(() => {
    if (since === undefined) return;
    const timer = setTimeout(() => setPastFor(since), patienceMs);
    return () => clearTimeout(timer);
  }, [since, patienceMs]);
  return since !== undefined && pastFor === since;
}
