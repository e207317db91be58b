/** One network on one screen: connect it → its ranges → who may reach it → try it. */
import { Button, Paper, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Network } from '../../../contract/admin-api.ts';
import { change, network, useChange } from '../api/queries.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Answered, Page } from '../parts/page.tsx';
import { NetworkConnectors } from './network-connectors.tsx';
import { NetworkRanges } from './network-ranges.tsx';
import { NetworkReach } from './network-reach.tsx';

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
  const removeNetwork = () =>
    void remove.mutateAsync(network.id).then(() => navigate({ to: '/networks' }));
  const actions = (
    <Confirm question={t('networks.removeConfirm', { name: network.name })} act={removeNetwork}>
      {(ask) => (
        <Button variant="default" onClick={ask}>
          {t('networks.remove')}
        </Button>
      )}
    </Confirm>
  );
  return (
    <Page title={network.name} actions={actions}>
      <Section title={t('networks.step1')}>
        <NetworkConnectors network={network} />
      </Section>
      <Section title={t('networks.step2')} text={t('networks.step2Text')}>
        <NetworkRanges network={network} />
      </Section>
      <Section title={t('networks.step3')} text={t('networks.step3Text')}>
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

function Section({ title, text, children }: { title: string; text?: string; children: ReactNode }) {
  return (
    <Paper withBorder p="lg" component="section" aria-label={title}>
      <Stack gap="sm">
        <Title order={2} size="h4">
          {title}
        </Title>
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
