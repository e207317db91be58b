/** How far the last change has come: "Revision 42: 41 of 43 devices", and by shape where there is no room for words. */
import { Box, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { overview } from '../api/queries.ts';
import { StatusMark } from '../parts/status-mark.tsx';

export function RevisionState() {
  const { t } = useTranslation();
  const { data } = useQuery(overview);
  if (!data) return null;
  const { online, current } = data.devices;
  const parts = { revision: data.revision, current, online };
  const words = online === 0 ? t('shell.revisionAlone', parts) : t('shell.revision', parts);
  const mark = online === 0 ? 'off' : current === online ? 'good' : 'partial';
  return (
    <Link to="/devices" search={{ sort: 'revision' }} className="figure-link" title={words}>
      <Box role="status" visibleFrom="md">
        <StatusMark mark={mark} word={words} />
      </Box>
      <Text span hiddenFrom="md" size="sm">
        <StatusMark mark={mark} word={`${current}/${online}`} />
      </Text>
    </Link>
  );
}
