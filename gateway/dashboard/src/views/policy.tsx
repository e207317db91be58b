/** Rules in their order: the first that matches decides. */
import { ActionIcon, Button, Group, Paper, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import IconArrowDown from '@tabler/icons-react/dist/esm/icons/IconArrowDown.mjs';
import IconArrowUp from '@tabler/icons-react/dist/esm/icons/IconArrowUp.mjs';
import IconPencil from '@tabler/icons-react/dist/esm/icons/IconPencil.mjs';
import IconTrash from '@tabler/icons-react/dist/esm/icons/IconTrash.mjs';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Rule } from '../../../contract/admin-api.ts';
import { change, devices, networks, people, rules, useChange } from '../api/queries.ts';
import { restoreRule } from '../history/reversal.ts';
import { Answered, Empty, Page, Refusal } from '../parts/page.tsx';
import { StatusMark } from '../parts/status-mark.tsx';
import { useUndoNotice } from '../parts/undo-notice.tsx';
import { portsText } from './rule-ports.ts';
import { RuleSheet } from './rule-sheet.tsx';

export function PolicyView() {
  const { t } = useTranslation();
  const [edited, setEdited] = useState<Rule>();
  const [isOpen, sheet] = useDisclosure();
  const edit = (rule: Rule | undefined) => {
    setEdited(rule);
    sheet.open();
  };
  const create = <Button onClick={() => edit(undefined)}>{t('policy.create')}</Button>;
  return (
    <Page title={t('policy.title')} actions={create}>
      <Text size="sm">{t('policy.text')}</Text>
      <RuleSheet
        key={`${edited?.id} ${isOpen}`}
        rule={edited}
        isOpen={isOpen}
        close={sheet.close}
      />
      <Answered query={useQuery(rules)}>
        {(all) =>
          all.length === 0 ? (
            <Empty title={t('policy.emptyTitle')} text={t('policy.emptyText')}>
              {create}
            </Empty>
          ) : (
            <Rules all={all} edit={edit} />
          )
        }
      </Answered>
    </Page>
  );
}

function Rules({ all, edit }: { all: Rule[]; edit: (rule: Rule) => void }) {
  const names = useNames();
  const order = useChange(change.orderRules);
  const { t } = useTranslation();
  const tell = useUndoNotice();
  const remove = useChange(async (rule: Rule) => {
    await change.deleteRule(rule.id);
    tell(t('policy.removed', { name: rule.name }), () => restoreRule(rule));
  });
  const move = (index: number, by: number) => {
    const ids = all.map((rule) => rule.id);
    const [moved] = ids.splice(index, 1);
    if (moved) ids.splice(index + by, 0, moved);
    order.mutate(ids);
  };
  return (
    <Stack gap="sm">
      <Refusal error={order.error ?? remove.error} />
      {all.map((rule, index) => (
        <RuleCard
          key={rule.id}
          rule={rule}
          names={names}
          edit={() => edit(rule)}
          remove={() => remove.mutate(rule)}
          up={index > 0 ? () => move(index, -1) : undefined}
          down={index < all.length - 1 ? () => move(index, 1) : undefined}
        />
      ))}
    </Stack>
  );
}

interface RuleCardProps {
  rule: Rule;
  names: Names;
  edit: () => void;
  remove: () => void;
  up: (() => void) | undefined;
  down: (() => void) | undefined;
}

function RuleCard({ rule, names, edit, remove, up, down }: RuleCardProps) {
  const { t } = useTranslation();
  const { name } = rule;
  const buttons = [
    { label: t('policy.up', { name }), Icon: IconArrowUp, act: up },
    { label: t('policy.down', { name }), Icon: IconArrowDown, act: down },
    { label: t('policy.edit', { name }), Icon: IconPencil, act: edit },
    { label: t('policy.remove', { name }), Icon: IconTrash, act: remove },
  ];
  return (
    <Paper withBorder p="md" component="article" id={rule.id} aria-label={name}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Stack gap={4}>
          <Group gap="xs">
            <Text c="dimmed">#{rule.number}</Text>
            <Text fw={600}>{name}</Text>
            <StatusMark
              mark={rule.action === 'allow' ? 'good' : 'bad'}
              word={t(`policy.${rule.action}`)}
            />
            {!rule.enabled && <StatusMark mark="off" word={t('policy.off')} />}
          </Group>
          <RuleWords rule={rule} names={names} />
        </Stack>
        <Group gap={4} wrap="nowrap">
          {buttons.map(({ label, Icon, act }) => (
            <ActionIcon
              key={label}
              variant="subtle"
              color="gray"
              aria-label={label}
              disabled={!act}
              onClick={act}
            >
              <Icon size={18} />
            </ActionIcon>
          ))}
        </Group>
      </Group>
    </Paper>
  );
}

interface Names {
  people: ReadonlyMap<string, string>;
  devices: ReadonlyMap<string, string>;
  networks: ReadonlyMap<string, string>;
}

/** Made once for all rules: an organisation has thousands of people and devices. */
function useNames(): Names {
  const { data: allPeople } = useQuery(people);
  const { data: allDevices } = useQuery(devices);
  const { data: allNetworks } = useQuery(networks);
  return useMemo(
    () => ({
      people: new Map(allPeople?.map(({ id, email }) => [id, email])),
      devices: new Map(allDevices?.map(({ id, name }) => [id, name])),
      networks: new Map(allNetworks?.map(({ id, name }) => [id, name])),
    }),
    [allPeople, allDevices, allNetworks],
  );
}

function RuleWords({ rule, names }: { rule: Rule; names: Names }) {
  const { t } = useTranslation();
  const who = rule.subjects.map((subject) => {
    if (subject.kind === 'everyone') return t('policy.everyone');
    if (subject.kind === 'group') return subject.name;
    const known = subject.kind === 'user' ? names.people : names.devices;
    return known.get(subject.id) ?? t('policy.gone');
  });
  const where =
    rule.networkIds.length === 0
      ? [t('policy.everyNetwork')]
      : rule.networkIds.map((id) => names.networks.get(id) ?? id);
  const what =
    rule.protocol === 'any'
      ? t('policy.anything')
      : `${rule.protocol.toUpperCase()} ${portsText(rule.ports)}`.trim();
  return (
    <Text size="sm">
      {who.join(', ')} → {[...where, ...rule.ranges].join(', ')} · {what}
    </Text>
  );
}
