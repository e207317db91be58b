/** What removing a range, or a whole network, would do; shown in the question before it. */
import { List, Loader } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { removal } from '../api/queries.ts';
import { useSay } from '../language/use-say.ts';
import { Refusal } from '../parts/page.tsx';

export function RemovalEffects({ networkId, cidr }: { networkId: string; cidr?: string }) {
  const { t } = useTranslation();
  const say = useSay();
  const { data, error } = useQuery(removal(networkId, cidr));
  if (error) return <Refusal error={error} />;
  if (!data) return <Loader size="xs" aria-label={t('shell.loading')} />;
  return (
    <List size="sm" role="status">
      {data.effects.map(say).map((sentence) => (
        <List.Item key={sentence}>{sentence}</List.Item>
      ))}
    </List>
  );
}
