import { Select, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Person } from '../../../contract/admin-api.ts';
import { change, people, session, useChange } from '../api/queries.ts';
import type { Column } from '../parts/list-column.ts';
import { ListTable } from '../parts/list-table.tsx';
import { Answered, Empty, Page, Refusal } from '../parts/page.tsx';
import { When } from '../parts/when.tsx';

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
  const { data: me } = useQuery(session);
  const setRole = useChange(change.setRole);
  const roles = (['owner', 'admin', 'member'] as const).map((role) => ({
    value: role,
    label: t(`people.roles.${role}`),
  }));
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
        <Select
          size="xs"
          aria-label={t('people.roleOf', { name: row.email })}
          data={roles}
          value={row.role}
          allowDeselect={false}
          // Nobody takes their own rights away by a slip.
          disabled={row.id === me?.user.id}
          onChange={(role) => role && setRole.mutate({ id: row.id, role: role as Person['role'] })}
        />
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
