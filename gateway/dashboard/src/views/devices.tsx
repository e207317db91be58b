import { ActionIcon, Anchor } from '@mantine/core';
import IconTrash from '@tabler/icons-react/dist/esm/icons/IconTrash.mjs';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Device } from '../../../contract/admin-api.ts';
import { change, devices, session, useChange } from '../api/queries.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Copyable } from '../parts/copyable.tsx';
import type { Column } from '../parts/list-column.ts';
import { ListTable } from '../parts/list-table.tsx';
import { Answered, Empty, Page, Refusal } from '../parts/page.tsx';
import { StatusMark } from '../parts/status-mark.tsx';
import { When } from '../parts/when.tsx';
import { deviceMarks, RevisionWords } from './device-state.tsx';

export function DevicesView() {
  const { t } = useTranslation();
  const { data: me } = useQuery(session);
  return (
    <Page title={t('devices.title')}>
      <Answered query={useQuery(devices)}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title={t('devices.emptyTitle')} text={t('devices.emptyText')}>
              {me && <Copyable text={me.joinLink} label={t('overview.invite')} />}
            </Empty>
          ) : (
            <List rows={rows} />
          )
        }
      </Answered>
    </Page>
  );
}

function List({ rows }: { rows: Device[] }) {
  const { t } = useTranslation();
  const remove = useChange(change.deleteDevice);
  const columns: Column<Device>[] = [
    {
      key: 'name',
      title: t('devices.name'),
      text: (row) => row.name,
      cell: (row) => (
        <Anchor component={Link} to={`/devices/${row.id}`} inherit>
          {row.name}
        </Anchor>
      ),
    },
    { key: 'person', title: t('devices.person'), text: (row) => row.user.email },
    {
      key: 'state',
      title: t('devices.state'),
      text: (row) => t(`devices.states.${row.state}`),
      width: '9rem',
      cell: (row) => (
        <StatusMark mark={deviceMarks[row.state]} word={t(`devices.states.${row.state}`)} />
      ),
    },
    { key: 'address', title: t('devices.address'), text: (row) => row.ipv4, width: '8.5rem' },
    {
      key: 'revision',
      title: t('devices.revision'),
      text: (row) => (row.problem === null ? (row.appliedRevision ?? 0) : -1),
      cell: (row) => <RevisionWords device={row} />,
      width: '11rem',
    },
    {
      key: 'handshake',
      title: t('devices.handshake'),
      text: (row) => row.lastHandshakeAt ?? 0,
      cell: (row) => <When at={row.lastHandshakeAt} />,
      width: '8rem',
    },
    {
      key: 'session',
      title: t('devices.session'),
      text: (row) => row.sessionExpiresAt,
      cell: (row) => <When at={row.sessionExpiresAt} />,
      width: '8rem',
    },
    {
      key: 'remove',
      title: '',
      text: () => '',
      width: '4rem',
      cell: (row) => (
        <Confirm
          question={t('devices.removeConfirm', { name: row.name })}
          act={() => remove.mutate(row.id)}
        >
          {(ask) => (
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t('devices.remove', { name: row.name })}
              onClick={ask}
            >
              <IconTrash size={18} />
            </ActionIcon>
          )}
        </Confirm>
      ),
    },
  ];
  return (
    <>
      <Refusal error={remove.error} />
      <ListTable
        label={t('devices.title')}
        rows={rows}
        columns={columns}
        idOf={(row) => row.id}
        count={(shown, total) => t('devices.count', { shown, total })}
      />
    </>
  );
}
