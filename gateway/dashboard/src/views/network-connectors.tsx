import { ActionIcon, Button, Group, Loader, Paper, Stack, Text } from '@mantine/core';
import IconTrash from '@tabler/icons-react/dist/esm/icons/IconTrash.mjs';
import { useTranslation } from 'react-i18next';
import type { Connector, Network } from '../../../contract/admin-api.ts';
import { change, useChange } from '../api/queries.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Refusal } from '../parts/page.tsx';
import { type Mark, StatusMark } from '../parts/status-mark.tsx';
import { When } from '../parts/when.tsx';

const marks: Record<Connector['state'], Mark> = {
  online: 'good',
  degraded: 'partial',
  offline: 'bad',
};

export function NetworkConnectors({ network }: { network: Network }) {
  const { t, i18n } = useTranslation();
  const token = useChange(change.connectorToken);
  const install = token.data;
  const isFirst = network.connectors.length === 0;
  return (
    <Stack gap="sm">
      {network.connectors.map((connector) => (
        <ConnectorRow key={connector.id} connector={connector} />
      ))}
      {install ? (
        <>
          <Copyable text={install.command} label={t('networks.step1')} />
          <Text size="xs" c="dimmed">
            {t('networks.tokenUntil', {
              date: new Date(install.expiresAt).toLocaleString(i18n.language),
            })}
          </Text>
          {isFirst && (
            <Group gap="xs" role="status">
              <Loader size="xs" />
              <Text size="sm">{t('networks.waiting')}</Text>
            </Group>
          )}
        </>
      ) : (
        <Group>
          <Button
            variant={isFirst ? 'filled' : 'default'}
            loading={token.isPending}
            onClick={() => token.mutate(network.id)}
          >
            {t(isFirst ? 'networks.newLine' : 'networks.anotherLine')}
          </Button>
        </Group>
      )}
      <Refusal error={token.error} />
    </Stack>
  );
}

function ConnectorRow({ connector }: { connector: Connector }) {
  const { t } = useTranslation();
  const remove = useChange(change.deleteConnector);
  const label = t('networks.removeConnector', { name: connector.name });
  return (
    <Paper withBorder p="sm">
      <Group justify="space-between" wrap="nowrap">
        <Group gap="md">
          <StatusMark mark={marks[connector.state]} word={t(`networks.state.${connector.state}`)} />
          <Text fw={600}>{connector.name}</Text>
          <Text size="sm" c="dimmed">
            {connector.version}
          </Text>
          <Text size="sm" c="dimmed">
            <When at={connector.state === 'online' ? connector.joinedAt : connector.lastSeenAt} />
          </Text>
        </Group>
        <Confirm question={`${label}?`} act={() => remove.mutate(connector.id)}>
          {(ask) => (
            <ActionIcon variant="subtle" color="gray" aria-label={label} onClick={ask}>
              <IconTrash size={18} />
            </ActionIcon>
          )}
        </Confirm>
      </Group>
      {connector.note && (
        <Text size="sm" mt="xs">
          {connector.note}
        </Text>
      )}
    </Paper>
  );
}
