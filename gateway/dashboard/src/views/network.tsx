/** One network on one screen: connect it → its ranges → who may reach it → try it. */
import { Button, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Network } from '../../../contract/admin-api.ts';
import { change, network, useChange } from '../api/queries.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Answered, Page, Refusal } from '../parts/page.tsx';
import { StatusMark } from '../parts/status-mark.tsx';
import { NetworkConnectors } from './network-connectors.tsx';
import { NetworkRanges } from './network-ranges.tsx';
import { NetworkReach } from './network-reach.tsx';
import { Rename } from './network-rename.tsx';
import { RemovalEffects } from './removal-effects.tsx';

export function NetworkView() {
  const { networkId = '' } = useParams({ strict: false });
  return (
    <Answered query={useQuery(network(networkId))}>{(data) => <Content network={data} />}</Answered>
  );
}

function Content({ network }: { network: Network }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const remove = useChange(change.deleteNetwork);
  const isReached = network.ruleIds.length > 0;
  const removeNetwork = () =>
    remove.mutate(network.id, { onSuccess: () => void navigate({ to: '/networks' }) });
  const actions = (
    <Group gap="sm">
      <Rename network={network} />
      <Confirm
        question={t('networks.removeConfirm', { name: network.name })}
        effects={<RemovalEffects networkId={network.id} />}
        act={removeNetwork}
      >
        {(ask) => (
          <Button variant="default" onClick={ask}>
            {t('networks.remove')}
          </Button>
        )}
      </Confirm>
    </Group>
  );
  return (
    <Page title={network.name} actions={actions}>
      <Refusal error={remove.error} />
      <Section title={t('networks.step1')} isDone={network.connectors.length > 0}>
        <NetworkConnectors network={network} />
      </Section>
      <Section
        title={t('networks.step2')}
        text={t('networks.step2Text')}
        isDone={network.ranges.length > 0}
      >
        <NetworkRanges network={network} />
      </Section>
      <Section
        title={t('networks.step3')}
        text={t(isReached ? 'networks.reachedText' : 'networks.step3Text')}
        isDone={isReached}
      >
        <NetworkReach network={network} />
      </Section>
      <Section
        title={t('networks.tryIt')}
        text={network.ranges.length > 0 ? t('networks.tryText') : t('networks.noRange')}
      >
        {network.ranges[0] && (
          <Copyable text={`ssh ${firstHost(network.ranges[0].cidr)}`} label={t('networks.tryIt')} />
        )}
      </Section>
    </Page>
  );
}

interface SectionProps {
  title: string;
  text?: string;
  /** Of a step: whether it is. */
  isDone?: boolean;
  children: ReactNode;
}

function Section({ title, text, isDone, children }: SectionProps) {
  const { t } = useTranslation();
  return (
    <Paper withBorder p="lg" component="section" aria-label={title}>
      <Stack gap="sm">
        <Group justify="space-between">
          <Title order={2} size="h4">
            {title}
          </Title>
          {isDone !== undefined && (
            <StatusMark
              mark={isDone ? 'good' : 'off'}
              word={t(isDone ? 'networks.done' : 'networks.notDone')}
            />
          )}
        </Group>
        {text && <Text size="sm">{text}</Text>}
        {children}
      </Stack>
    </Paper>
  );
}

/** An address that is likely to be a machine: the prefix's own for one host, else the tenth, where people put servers. */
function firstHost(cidr: string): string {
  const [address = '', length = ''] = cidr.split('/');
  if (address.includes(':'))
    return length === '128' ? address : `${address.replace(/::$/, '')}::10`;
  if (Number(length) > 28) return address;
  return [...address.split('.').slice(0, 3), '10'].join('.');
}
