import { ActionIcon, Text } from '@mantine/core';
import IconTrash from '@tabler/icons-react/dist/esm/icons/IconTrash.mjs';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Device } from '../../../contract/admin-api.ts';
import { change, devices, session, useChange } from '../api/queries.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { type Column, ListTable } from '../parts/list-table.tsx';
import { Answered, Empty, Page, Refusal } from '../parts/page.tsx';
import { type Mark, StatusMark } from '../parts/status-mark.tsx';
import { When } from '../parts/when.tsx';

const marks: Record<Device['state'], Mark> = {
  connected: 'good',
  online: 'partial',
  offline: 'off',
  expired: 'bad',
};

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
    { key: 'name', title: t('devices.name'), text: (row) => row.name },
    { key: 'person', title: t('devices.person'), text: (row) => row.user.email },
    {
      key: 'state',
      title: t('devices.state'),
      text: (row) => t(`devices.states.${row.state}`),
      width: '9rem',
      cell: (row) => <StatusMark mark={marks[row.state]} word={t(`devices.states.${row.state}`)} />,
    },
    { key: 'address', title: t('devices.address'), text: (row) => row.ipv4, width: '8.5rem' },
    {
      key: 'revision',
      title: t('devices.revision'),
      text: (row) => row.appliedRevision ?? 0,
      cell: (row) => <Revision device={row} />,
      width: '8rem',
    },
    {
      key: 'handshake',
      title: t('devices.handshake'),
      text: (row) => row.lastHandshakeAt ?? 0,
      cell: (row) => <When at={row.lastHandshakeAt} />,
    },
    {
      key: 'session',
      title: t('devices.session'),
      text: (row) => row.sessionExpiresAt,
      cell: (row) => <When at={row.sessionExpiresAt} />,
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

function Revision({ device }: { device: Device }) {
  const { t } = useTranslation();
  const { appliedRevision: applied, wantedRevision: wanted } = device;
  if (device.problem)
    return (
      <Text size="sm" c="red" title={device.problem} truncate>
        {device.problem}
      </Text>
    );
  if (applied === wanted) return <>{t('devices.current', { wanted })}</>;
  return <>{t('devices.applied', { applied: applied ?? 0, wanted })}</>;
}
