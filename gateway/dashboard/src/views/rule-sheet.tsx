/** A rule in a side sheet: new, or to edit. */
import {
  Button,
  Drawer,
  Group,
  MultiSelect,
  SegmentedControl,
  Select,
  Stack,
  Switch,
  TagsInput,
  TextInput,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Rule, RuleInput } from '../../../contract/admin-api.ts';
import { Cidr } from '../../../contract/net/text.ts';
import { change, networks, useChange } from '../api/queries.ts';
import { Refusal } from '../parts/page.tsx';
import { SubjectSelect } from '../parts/subject-select.tsx';
import { RuleEffect } from './rule-effect-words.tsx';
import { portsText, readPorts } from './rule-ports.ts';

const fresh: RuleInput = {
  name: '',
  action: 'allow',
  subjects: [],
  networkIds: [],
  ranges: [],
  protocol: 'any',
  ports: [],
  enabled: true,
};

export function RuleSheet({
  rule,
  isOpen,
  close,
}: {
  rule: Rule | undefined;
  isOpen: boolean;
  close: () => void;
}) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState<RuleInput>(rule ? inputOf(rule) : fresh);
  const [portText, setPortText] = useState(portsText(draft.ports));
  const [isTried, setTried] = useState(false);
  const { data: allNetworks = [] } = useQuery(networks);
  const save = useChange((input: RuleInput) =>
    rule ? change.updateRule({ id: rule.id, rule: input }) : change.createRule(input),
  );
  const hasPorts = draft.protocol === 'tcp' || draft.protocol === 'udp';
  const ports = hasPorts ? readPorts(portText) : [];
  const badRange = draft.ranges.some((range) => !Cidr.safeParse(range).success);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (ports && !badRange && draft.subjects.length > 0 && draft.name.trim() !== '')
      save.mutate({ ...draft, ports }, { onSuccess: close });
  };
  const set = (part: Partial<RuleInput>) => setDraft({ ...draft, ...part });
  const protocols = [
    { value: 'any', label: t('policy.any') },
    { value: 'tcp', label: 'TCP' },
    { value: 'udp', label: 'UDP' },
    { value: 'icmp', label: 'ICMP' },
  ];
  return (
    <Drawer
      opened={isOpen}
      onClose={close}
      position="right"
      closeButtonProps={{ 'aria-label': t('common.close') }}
      title={t(rule ? 'policy.editTitle' : 'policy.newTitle')}
    >
      <form onSubmit={submit} noValidate>
        <Stack>
          <TextInput
            data-autofocus
            label={t('common.name')}
            maxLength={100}
            required
            value={draft.name}
            error={isTried && draft.name.trim() === '' ? t('policy.giveName') : undefined}
            onChange={(event) => set({ name: event.currentTarget.value })}
          />
          <SegmentedControl
            aria-label={t('policy.action')}
            data={[
              { value: 'allow', label: t('policy.allow') },
              { value: 'block', label: t('policy.block') },
            ]}
            value={draft.action}
            onChange={(action) => set({ action: action as RuleInput['action'] })}
          />
          <SubjectSelect
            label={t('policy.who')}
            value={draft.subjects}
            onChange={(subjects) => set({ subjects })}
            error={isTried && draft.subjects.length === 0 ? t('policy.chooseWho') : undefined}
          />
          <MultiSelect
            label={t('policy.networks')}
            placeholder={draft.networkIds.length === 0 ? t('policy.everyNetwork') : ''}
            searchable
            clearable
            data={allNetworks.map((network) => ({ value: network.id, label: network.name }))}
            value={draft.networkIds}
            onChange={(networkIds) => set({ networkIds })}
          />
          <TagsInput
            label={t('policy.ranges')}
            placeholder={t('policy.rangesPlaceholder')}
            value={draft.ranges}
            onChange={(ranges) => set({ ranges })}
            error={badRange ? t('networks.badRange') : undefined}
          />
          <Select
            label={t('policy.protocol')}
            data={protocols}
            value={draft.protocol}
            allowDeselect={false}
            onChange={(protocol) => set({ protocol: (protocol ?? 'any') as RuleInput['protocol'] })}
          />
          {hasPorts && (
            <TextInput
              label={t('policy.ports')}
              placeholder={t('policy.portsPlaceholder')}
              value={portText}
              error={ports ? undefined : t('policy.badPorts')}
              onChange={(event) => setPortText(event.currentTarget.value)}
            />
          )}
          <Switch
            label={t('policy.enabled')}
            checked={draft.enabled}
            onChange={(event) => set({ enabled: event.currentTarget.checked })}
          />
          <RuleEffect draft={{ ...draft, ports: ports ?? [] }} number={rule?.number} />
          <Refusal error={save.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t('common.cancel')}
            </Button>
            <Button type="submit" loading={save.isPending}>
              {t('common.save')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Drawer>
  );
}

function inputOf({ id: _id, number: _number, ...input }: Rule): RuleInput {
  return input;
}
