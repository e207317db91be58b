import { Anchor, Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Network } from '../../../contract/admin-api.ts';
import { useMakeInstallLine } from '../api/install-line.ts';
import { change, networks, useChange } from '../api/queries.ts';
import type { Column } from '../parts/list-column.ts';
import { ListTable } from '../parts/list-table.tsx';
import { Answered, Empty, Page, Refusal } from '../parts/page.tsx';
import { type Mark, StatusMark } from '../parts/status-mark.tsx';

export function NetworksView() {
  const { t } = useTranslation();
  const [isOpen, dialog] = useDisclosure();
  const query = useQuery(networks);
  const create = <Button onClick={dialog.open}>{t('networks.create')}</Button>;
  return (
    <Page title={t('networks.title')} actions={query.data?.length === 0 ? undefined : create}>
      <NewNetwork isOpen={isOpen} close={dialog.close} />
      <Answered query={query}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title={t('networks.emptyTitle')} text={t('networks.emptyText')}>
              {create}
            </Empty>
          ) : (
            <List rows={rows} />
          )
        }
      </Answered>
    </Page>
  );
}

function List({ rows }: { rows: Network[] }) {
  const { t } = useTranslation();
  const columns: Column<Network>[] = [
    {
      key: 'name',
      title: t('common.name'),
      text: (row) => row.name,
      cell: (row) => (
        <Anchor component={Link} to={`/networks/${row.id}`}>
          {row.name}
        </Anchor>
      ),
    },
    {
      key: 'ranges',
      title: t('networks.ranges'),
      text: (row) => row.ranges.map((range) => range.cidr).join(', ') || t('common.none'),
    },
    {
      key: 'connectors',
      title: t('networks.connectors'),
      text: (row) => onlineOf(row),
      cell: (row) => <Health network={row} />,
    },
    {
      key: 'reach',
      title: t('networks.reach'),
      text: (row) => row.ruleIds.length,
      cell: (row) =>
        row.ruleIds.length === 0 ? (
          <StatusMark mark="off" word={t('networks.nobody')} />
        ) : (
          t('networks.byRules', { count: row.ruleIds.length })
        ),
    },
  ];
  return (
    <ListTable
      label={t('networks.title')}
      rows={rows}
      columns={columns}
      idOf={(row) => row.id}
      count={(shown, total) => t('overview.ofTotal', { count: shown, total })}
    />
  );
}

export function Health({ network }: { network: Network }) {
  const { t } = useTranslation();
  const online = onlineOf(network);
  const total = network.connectors.length;
  const mark: Mark =
    total === 0 ? 'off' : online === total ? 'good' : online > 0 ? 'partial' : 'bad';
  return <StatusMark mark={mark} word={t('networks.healthy', { online, total })} />;
}

function onlineOf(network: Network): number {
  return network.connectors.filter((connector) => connector.state === 'online').length;
}

function NewNetwork({ isOpen, close }: { isOpen: boolean; close: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const navigate = useNavigate();
  const create = useChange(change.createNetwork);
  const makeLine = useMakeInstallLine();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const made = await create.mutateAsync(name).catch(() => undefined);
    if (!made) return;
    // A line that cannot be made right now is asked for again on the network's own page.
    await makeLine.mutateAsync(made).catch(() => undefined);
    close();
    setName('');
    await navigate({ to: '/networks/$networkId', params: { networkId: made.id } });
  };
  return (
    <Modal
      opened={isOpen}
      onClose={close}
      title={t('networks.newTitle')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form onSubmit={(event) => void submit(event)}>
        <Stack>
          <TextInput
            data-autofocus
            required
            maxLength={100}
            label={t('networks.nameLabel')}
            placeholder={t('networks.namePlaceholder')}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Refusal error={create.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t('common.cancel')}
            </Button>
            <Button type="submit" loading={create.isPending}>
              {t('networks.createButton')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
