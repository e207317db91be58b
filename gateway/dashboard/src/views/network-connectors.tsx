import { ActionIcon, Button, Group, Loader, Paper, Stack, Text } from '@mantine/core';
import IconTrash from '@tabler/icons-react/dist/esm/icons/IconTrash.mjs';
import { useTranslation } from 'react-i18next';
import type { Connector, Network } from '../../../contract/admin-api.ts';
import { useInstallLine, useMakeInstallLine } from '../api/install-line.ts';
import { change, useChange } from '../api/queries.ts';
import { localeOf } from '../language/language.ts';
import { useSay } from '../language/use-say.ts';
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
  const install = useInstallLine(network);
  return (
    <Stack gap="sm">
      {/* Read aloud when a connector joins, goes or comes back. */}
      <Stack gap="sm" role="status">
        {network.connectors.map((connector) => (
          <ConnectorRow key={connector.id} connector={connector} />
        ))}
      </Stack>
      {install ? (
        <>
          <Text size="sm">{t('networks.step1Text')}</Text>
          <Copyable text={install.command} label={t('networks.step1')} />
          <Group gap="xs" role="status">
            <Loader size="xs" aria-hidden />
            <Text size="sm">{t('networks.waiting')}</Text>
          </Group>
          <Text size="xs" c="dimmed">
            {t('networks.tokenUntil', {
              date: new Date(install.expiresAt).toLocaleString(localeOf(i18n.language)),
            })}
          </Text>
        </>
      ) : (
        <MakeLine network={network} />
      )}
    </Stack>
  );
}

function MakeLine({ network }: { network: Network }) {
  const { t } = useTranslation();
  const make = useMakeInstallLine();
  const isFirst = network.connectors.length === 0;
  return (
    <>
      {isFirst && <Text size="sm">{t('networks.noConnector')}</Text>}
      <Group>
        <Button
          variant={isFirst ? 'filled' : 'default'}
          loading={make.isPending}
          onClick={() => make.mutate(network)}
        >
          {t(isFirst ? 'networks.newLine' : 'networks.anotherLine')}
        </Button>
      </Group>
      <Refusal error={make.error} />
    </>
  );
}

function ConnectorRow({ connector }: { connector: Connector }) {
  const { t } = useTranslation();
  const remove = useChange(change.deleteConnector);
  const say = useSay();
  const { name, state, version, note } = connector;
  const label = t('networks.removeConnector', { name });
  return (
    <Paper withBorder p="sm">
      <Group justify="space-between" wrap="nowrap">
        <Group gap="md">
          <StatusMark mark={marks[state]} word={t(`networks.state.${state}`)} />
          <Text fw={600}>{name}</Text>
          <Text size="sm" c="dimmed">
            {version}
          </Text>
          <Text size="sm" c="dimmed">
            {t(state === 'online' ? 'networks.joined' : 'networks.lastSeen')}{' '}
            <When at={state === 'online' ? connector.joinedAt : connector.lastSeenAt} />
          </Text>
        </Group>
        <Confirm
          question={t('networks.removeConnectorConfirm', { name })}
          act={() => remove.mutate(connector.id)}
        >
          {(ask) => (
            <ActionIcon variant="subtle" color="gray" aria-label={label} onClick={ask}>
              <IconTrash size={18} />
            </ActionIcon>
          )}
        </Confirm>
      </Group>
      {note && (
        <Text size="sm" mt="xs">
          {say(note)}
        </Text>
      )}
      <Refusal error={remove.error} />
    </Paper>
  );
}
