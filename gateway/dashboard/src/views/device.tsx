/** One device: its facts at the left, what happened to it at the right. */
import { Alert, Button, Code, Grid, Paper, Stack, Text, Title } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Device } from '../../../contract/admin-api.ts';
import { audit, change, devices, useChange } from '../api/queries.ts';
import { auditSentence } from '../history/audit-words.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Facts } from '../parts/facts.tsx';
import { Answered, Empty, Page, Refusal } from '../parts/page.tsx';
import { StatusMark } from '../parts/status-mark.tsx';
import { When } from '../parts/when.tsx';
import { deviceMarks, RevisionWords } from './device-state.tsx';

export function DeviceView() {
  const { t } = useTranslation();
  const { deviceId = '' } = useParams({ strict: false });
  return (
    <Answered query={useQuery(devices)}>
      {(all) => {
        const device = all.find(({ id }) => id === deviceId);
        return device ? (
          <Content device={device} />
        ) : (
          <Page title={t('devices.title')}>
            <Empty title={t('devices.gone')} text={t('devices.goneText')} />
          </Page>
        );
      }}
    </Answered>
  );
}

function Content({ device }: { device: Device }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const remove = useChange(change.deleteDevice);
  const { id, name, problem } = device;
  const actions = (
    <Confirm
      question={t('devices.removeConfirm', { name })}
      act={() => remove.mutate(id, { onSuccess: () => void navigate({ to: '/devices' }) })}
    >
      {(ask) => (
        <Button variant="default" onClick={ask}>
          {t('devices.removeButton')}
        </Button>
      )}
    </Confirm>
  );
  return (
    <Page title={name} actions={actions}>
      <Refusal error={remove.error} />
      {problem !== null && (
        <Alert color="red" title={t('devices.refused')}>
          <span lang="en">{problem}</span>
        </Alert>
      )}
      <Grid>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <DeviceFacts device={device} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <History device={device} />
        </Grid.Col>
      </Grid>
    </Page>
  );
}

function DeviceFacts({ device }: { device: Device }) {
  const { t } = useTranslation();
  const { state } = device;
  const facts: [string, ReactNode][] = [
    [
      t('devices.state'),
      <StatusMark key="state" mark={deviceMarks[state]} word={t(`devices.states.${state}`)} />,
    ],
    [t('devices.person'), device.user.email],
    [t('devices.revision'), <RevisionWords key="revision" device={device} />],
    ['IPv4', <Code key="ipv4">{device.ipv4}</Code>],
    ['IPv6', <Code key="ipv6">{device.ipv6 ?? '–'}</Code>],
    [t('devices.system'), device.os],
    [t('devices.version'), device.clientVersion],
    [t('devices.handshake'), <When key="handshake" at={device.lastHandshakeAt} />],
    [t('devices.session'), <When key="session" at={device.sessionExpiresAt} />],
    [t('devices.enrolled'), <When key="enrolled" at={device.enrolledAt} />],
  ];
  return (
    <Paper withBorder p="md" component="section" aria-label={t('devices.facts')}>
      <Title order={2} size="h4" mb="sm">
        {t('devices.facts')}
      </Title>
      <Facts facts={facts} />
    </Paper>
  );
}

/** From the newest entries of the log: those that name the device. */
function History({ device }: { device: Device }) {
  const { t } = useTranslation();
  const { data } = useInfiniteQuery(audit);
  const entries = (data?.pages.flat() ?? []).filter(
    ({ who, before, after }) =>
      who === `device ${device.id}` || JSON.stringify([before, after]).includes(device.id),
  );
  return (
    <Paper withBorder p="md" component="section" aria-label={t('devices.history')}>
      <Title order={2} size="h4" mb="sm">
        {t('devices.history')}
      </Title>
      <Stack gap="xs">
        {entries.length === 0 && <Text size="sm">{t('devices.noHistory')}</Text>}
        {entries.map((entry) => (
          <Text key={entry.id} size="sm">
            {auditSentence(entry, t)}{' '}
            <Text span size="xs" c="dimmed">
              <When at={entry.at} />
            </Text>
          </Text>
        ))}
      </Stack>
    </Paper>
  );
}
