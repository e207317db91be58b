import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Device } from '../../../contract/admin-api.ts';
import { change, devices, session, useChange } from '../api/queries.ts';
import { Copyable } from '../parts/copyable.tsx';
import { ListTable } from '../parts/list-table.tsx';
import { Answered, Empty, Page, Refusal } from '../parts/page.tsx';
import { deviceColumns } from './device-columns.tsx';

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
  const columns = deviceColumns(t, (id) => remove.mutate(id));
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
