import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Person } from '../../../contract/admin-api.ts';
import { people, session } from '../api/queries.ts';
import type { Column } from '../parts/list-column.ts';
import { ListTable } from '../parts/list-table.tsx';
import { Answered, Empty, Page, Refusal } from '../parts/page.tsx';
import { When } from '../parts/when.tsx';
import { RoleSelect, useSetRole } from './role-select.tsx';

export function PeopleView() {
  const { t } = useTranslation();
  return (
    <Page title={t('people.title')}>
      <Answered query={useQuery(people)}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title={t('people.emptyTitle')} text={t('people.emptyText')} />
          ) : (
            <List rows={rows} />
          )
        }
      </Answered>
    </Page>
  );
}

function List({ rows }: { rows: Person[] }) {
  const { t } = useTranslation();
  const setRole = useSetRole();
  const { data: me } = useQuery(session);
  const columns: Column<Person>[] = [
    {
      key: 'name',
      title: t('people.name'),
      text: (row) => `${row.name} ${row.email}`.trim(),
      cell: (row) => <Who person={row} />,
    },
    {
      key: 'role',
      title: t('people.role'),
      text: (row) => t(`people.roles.${row.role}`),
      width: '12rem',
      cell: (row) => (
        <RoleSelect person={row} onChoose={(role) => setRole.mutate({ id: row.id, role })} />
      ),
    },
    {
      key: 'groups',
      title: t('people.groups'),
      text: (row) => row.groups.join(', ') || t('common.none'),
    },
    { key: 'devices', title: t('people.devices'), text: (row) => row.deviceCount, width: '7rem' },
    {
      key: 'signin',
      title: t('people.lastSignIn'),
      text: (row) => row.lastSignInAt ?? 0,
      cell: (row) => <When at={row.lastSignInAt} />,
    },
  ];
  return (
    <>
      <Refusal error={setRole.error} />
      {me?.role === 'admin' && <Text size="sm">{t('people.ownersOnly')}</Text>}
      <ListTable
        label={t('people.title')}
        rows={rows}
        columns={columns}
        idOf={(row) => row.id}
        count={(shown, total) => t('people.count', { shown, total })}
      />
    </>
  );
}

function Who({ person: { name, email } }: { person: Person }) {
  return (
    <>
      <Text size="sm" truncate="end" title={name}>
        {name || email}
      </Text>
      {name !== '' && (
        <Text size="xs" c="dimmed" truncate="end" title={email}>
          {email}
        </Text>
      )}
    </>
  );
}
