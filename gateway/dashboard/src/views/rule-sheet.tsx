/** A rule in a side sheet: new, or to edit. */
import { Button, Drawer, Group, Stack, Switch, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Rule, RuleInput } from '../../../contract/admin-api.ts';
import { Cidr } from '../../../contract/net/text.ts';
import { change, useChange } from '../api/queries.ts';
import { Refusal } from '../parts/page.tsx';
import { RuleEffect } from './rule-effect-words.tsx';
import { RuleWhere, RuleWho } from './rule-fields.tsx';
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
          <RuleWho draft={draft} set={set} isTried={isTried} />
          <RuleWhere draft={draft} set={set} isBad={badRange} />
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
