/** What the list of devices tells of each. */
import { ActionIcon, Anchor } from '@mantine/core';
import IconTrash from '@tabler/icons-react/dist/esm/icons/IconTrash.mjs';
import { Link } from '@tanstack/react-router';
import type { TFunction } from 'i18next';
import type { Device } from '../../../contract/admin-api.ts';
import { Confirm } from '../parts/confirm.tsx';
import type { Column } from '../parts/list-column.ts';
import { StatusMark } from '../parts/status-mark.tsx';
import { When } from '../parts/when.tsx';
import { deviceMarks, RevisionWords } from './device-state.tsx';

export function deviceColumns(t: TFunction, remove: (id: string) => void): Column<Device>[] {
  return [
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
          act={() => remove(row.id)}
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
}
