/** Everything that somebody changed, with what was before, for ever. */
import { Anchor, Button, Group } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AuditEntry } from '../../../contract/admin-api.ts';
import { audit } from '../api/queries.ts';
import { auditSentence } from '../history/audit-words.ts';
import { HistorySheet } from '../history/history-sheet.tsx';
import type { Column } from '../parts/list-column.ts';
import { ListTable } from '../parts/list-table.tsx';
import { Answered, Empty, Page } from '../parts/page.tsx';
import { When } from '../parts/when.tsx';

export function ActivityView() {
  const { t } = useTranslation();
  const [opened, setOpened] = useState<AuditEntry>();
  const query = useInfiniteQuery(audit);
  return (
    <Page title={t('activity.title')}>
      <HistorySheet entry={opened} close={() => setOpened(undefined)} />
      <Answered query={query}>
        {({ pages }) =>
          pages[0]?.length === 0 ? (
            <Empty title={t('activity.emptyTitle')} text={t('activity.emptyText')} />
          ) : (
            <Entries rows={pages.flat()} open={setOpened} />
          )
        }
      </Answered>
      {query.hasNextPage && (
        <Group>
          <Button
            variant="default"
            loading={query.isFetchingNextPage}
            onClick={() => void query.fetchNextPage()}
          >
            {t('activity.older')}
          </Button>
        </Group>
      )}
    </Page>
  );
}

function Entries({ rows, open }: { rows: AuditEntry[]; open: (entry: AuditEntry) => void }) {
  const { t } = useTranslation();
  const columns: Column<AuditEntry>[] = [
    {
      key: 'what',
      title: t('activity.what'),
      text: (row) => auditSentence(row, t),
      cell: (row) => (
        <Anchor component="button" type="button" inherit ta="left" onClick={() => open(row)}>
          {auditSentence(row, t)}
        </Anchor>
      ),
    },
    { key: 'who', title: t('activity.who'), text: (row) => row.who, width: '18rem' },
    {
      key: 'when',
      title: t('activity.when'),
      text: (row) => row.at,
      cell: (row) => <When at={row.at} />,
      width: '10rem',
    },
  ];
  return (
    <ListTable
      label={t('activity.title')}
      rows={rows}
      columns={columns}
      idOf={(row) => String(row.id)}
      count={(shown, total) => t('activity.count', { shown, total })}
    />
  );
}
