/** How far the last change has come: "Revision 42: 41 of 43 online devices". */
import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { overview } from '../api/queries.ts';

export function RevisionState() {
  const { t } = useTranslation();
  const { data } = useQuery(overview);
  if (!data) return null;
  const { online, current } = data.devices;
  return (
    <Text size="sm" role="status">
      {t('shell.revision', { revision: data.revision, current, online })}
    </Text>
  );
}
