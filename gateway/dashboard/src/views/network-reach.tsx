/** Who may reach a network: its rules, and the quickest way to a first one. */
import { Anchor, Button, Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Network, Subject } from '../../../contract/admin-api.ts';
import { change, rules, session, useChange } from '../api/queries.ts';
import { Refusal } from '../parts/page.tsx';
import { SubjectSelect } from '../parts/subject-select.tsx';

/** A policy of ten thousand rules may name one network in all of them. */
const FEW = 8;

export function NetworkReach({ network }: { network: Network }) {
  const { t } = useTranslation();
  const { data: all = [] } = useQuery(rules);
  const { data: me } = useQuery(session);
  const [subjects, setSubjects] = useState<Subject[]>([]);
  const create = useChange(change.createRule);
  const mine = all.filter((rule) => network.ruleIds.includes(rule.id));
  const allow = (whom: Subject[]) =>
    create.mutate(
      {
        name: network.name,
        action: 'allow',
        subjects: whom,
        networkIds: [network.id],
        ranges: [],
        protocol: 'any',
        ports: [],
        enabled: true,
      },
      { onSuccess: () => setSubjects([]) },
    );
  return (
    <Stack gap="sm">
      {mine.slice(0, FEW).map((rule) => (
        <Text key={rule.id} size="sm">
          <Anchor component={Link} to="/policy">
            #{rule.number} {rule.name}
          </Anchor>
          : {t(`policy.${rule.action}`)}
        </Text>
      ))}
      {mine.length > FEW && (
        <Anchor component={Link} to="/policy" size="sm">
          {t('common.andMore', { count: mine.length - FEW })}
        </Anchor>
      )}
      <Group align="flex-end" gap="xs">
        <SubjectSelect label={t('networks.chooseWho')} value={subjects} onChange={setSubjects} />
        <Button
          variant="default"
          disabled={subjects.length === 0}
          loading={create.isPending}
          onClick={() => allow(subjects)}
        >
          {t('networks.allow')}
        </Button>
      </Group>
      {mine.length === 0 && me && (
        <Group>
          <Button variant="light" onClick={() => allow([{ kind: 'everyone' }])}>
            {t('networks.allow')}: {t('networks.everyone', { organisation: me.organisation.name })}
          </Button>
        </Group>
      )}
      <Refusal error={create.error} />
    </Stack>
  );
}
