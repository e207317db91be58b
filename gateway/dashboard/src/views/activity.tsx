import { Code, HoverCard, Text, UnstyledButton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { AuditEntry } from '../../../contract/admin-api.ts';
import { audit } from '../api/queries.ts';
import { type Column, ListTable } from '../parts/list-table.tsx';
import { Answered, Empty, Page } from '../parts/page.tsx';
import { When } from '../parts/when.tsx';

export function ActivityView() {
  const { t } = useTranslation();
  const columns: Column<AuditEntry>[] = [
    {
      key: 'when',
      title: t('activity.when'),
      text: (row) => row.at,
      cell: (row) => <When at={row.at} />,
      width: '11rem',
    },
    { key: 'who', title: t('activity.who'), text: (row) => row.who, width: '16rem' },
    { key: 'what', title: t('activity.what'), text: (row) => row.what },
    {
      key: 'details',
      title: '',
      text: () => '',
      cell: (row) => <Details entry={row} />,
      width: '8rem',
    },
  ];
  return (
    <Page title={t('activity.title')}>
      <Answered query={useQuery(audit)}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title={t('activity.emptyTitle')} text={t('activity.emptyText')} />
          ) : (
            <ListTable
              label={t('activity.title')}
              rows={rows}
              columns={columns}
              idOf={(row) => String(row.id)}
              count={(shown, total) => t('overview.ofTotal', { count: shown, total })}
            />
          )
        }
      </Answered>
    </Page>
  );
}

function Details({ entry }: { entry: AuditEntry }) {
  const { t } = useTranslation();
  return (
    <HoverCard width={460} position="left">
      <HoverCard.Target>
        <UnstyledButton fz="sm" td="underline">
          {t('activity.details')}
        </UnstyledButton>
      </HoverCard.Target>
      <HoverCard.Dropdown>
        <Text size="xs" fw={600}>
          {t('activity.before')}
        </Text>
        <Code block>{JSON.stringify(entry.before, null, 1)}</Code>
        <Text size="xs" fw={600} mt="xs">
          {t('activity.after')}
        </Text>
        <Code block>{JSON.stringify(entry.after, null, 1)}</Code>
      </HoverCard.Dropdown>
    </HoverCard>
  );
}
