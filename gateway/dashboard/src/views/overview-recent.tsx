import { Anchor, Stack, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { audit } from '../api/queries.ts';
import { auditSentence } from '../history/audit-words.ts';
import { Answered } from '../parts/page.tsx';
import { When } from '../parts/when.tsx';

const SHOWN = 7;

export function Recent() {
  const { t } = useTranslation();
  return (
    <Answered query={useInfiniteQuery(audit)}>
      {({ pages }) => (
        <Stack gap="xs">
          {pages[0]?.length === 0 && <Text size="sm">{t('overview.quiet')}</Text>}
          {pages[0]?.slice(0, SHOWN).map((entry) => (
            <div key={entry.id}>
              <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
                {auditSentence(entry, t)}
              </Text>
              <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
                {entry.who}, <When at={entry.at} />
              </Text>
            </div>
          ))}
          <Anchor component={Link} to="/activity" size="sm">
            {t('overview.all')}
          </Anchor>
        </Stack>
      )}
    </Answered>
  );
}
